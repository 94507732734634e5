import { api, ask } from "./client";
import type { operations } from "./schema";
import type { Schemas } from "./types";

type Query = NonNullable<operations["get_logs"]["parameters"]["query"]>;

/** A page of a run's log. The route can answer NDJSON as well, which is not asked for here. */
export function readLog(id: string, query: Query, signal?: AbortSignal): Promise<Schemas["LogsShape"]> {
  const params = { path: { run_id: id }, query };
  return ask(api.GET("/api/v1/action-runs/{run_id}/logs", { params, signal })) as Promise<Schemas["LogsShape"]>;
}
