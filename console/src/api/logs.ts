import { queryOptions } from "@tanstack/react-query";
import { api, ask } from "./client";
import type { operations } from "./schema";
import type { Schemas } from "./types";

type Query = NonNullable<operations["get_logs"]["parameters"]["query"]>;

/** A page of a run's log. The route can answer NDJSON as well, which is not asked for here. */
export function readLog(id: string, query: Query, signal?: AbortSignal): Promise<Schemas["LogsShape"]> {
  const params = { path: { run_id: id }, query };
  return ask(api.GET("/api/v1/action-runs/{run_id}/logs", { params, signal })) as Promise<Schemas["LogsShape"]>;
}

/** Entries of the first page, which fill a screen several times. */
const FIRST = 200;
/** Milliseconds in which the end of a log that was asked for ahead is used: then it is asked for anew. */
const FRESH = 2_000;

/** The last entries of a run's log, newest first. */
export const lastOfLog = (id: string) =>
  queryOptions({
    queryKey: ["end-of-log", id],
    queryFn: ({ signal }) => readLog(id, { limit: FIRST, order: "desc" }, signal),
    staleTime: FRESH,
    gcTime: FRESH,
    retry: false,
  });
