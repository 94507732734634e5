/** What a run is about, in a few words. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import type { Run, Schemas } from "~/api/types";

const TELLING = [
  "title",
  "source",
  "transform_name",
  "table",
  "url",
  "query",
  "question",
  "agent",
  "slug",
  "automation",
  "name",
  "message",
];

/** `shopify`, `stg_orders`, a host: what the definition names first; empty where it names nothing. */
export function subjectOf(run: Pick<Run, "definition">): string {
  for (const name of TELLING) {
    const value = run.definition[name];
    if (typeof value === "string" && value) return value.length > 120 ? `${value.slice(0, 119)}…` : value;
  }
  return "";
}

const NAMES: Record<string, string> = {
  dlt_extract: "Extract",
  file_sync: "File sync",
  duckdb_transform: "Transform",
  http_request: "HTTP request",
  call_agent: "Agent",
  generate_query: "Generate query",
  explain_schema: "Explain schema",
  agent_search: "Agent search",
  agent_fetch_page: "Agent page",
  create_flashboard: "Flashboard",
  approval_gate: "Approval",
  conditional_branch: "Branch",
  call_automation: "Call automation",
  web_search: "Web search",
  fetch_page: "Fetch page",
};
export const KINDS = Object.keys(NAMES);
export const kindName = (kind: string): string => NAMES[kind] ?? kind;

/** Names of the actions, connections and automations that filters and rows show, by id. */
export function useNames() {
  const options = { staleTime: 60_000, placeholderData: keepPreviousData } as const;
  const query = { limit: 100 };
  const actions = useQuery({
    queryKey: ["names", "actions"],
    queryFn: ({ signal }) => ask(api.GET("/api/v1/actions", { params: { query }, signal })),
    ...options,
  });
  const connections = useQuery({
    queryKey: ["names", "connections"],
    queryFn: ({ signal }) => ask(api.GET("/api/v1/connections", { params: { query }, signal })),
    ...options,
  });
  const automations = useQuery({
    queryKey: ["names", "automations"],
    queryFn: ({ signal }) => ask(api.GET("/api/v1/automations", { params: { query }, signal })),
    ...options,
  });
  return {
    actions: named(actions.data?.actions),
    connections: named(connections.data?.connections),
    automations: named(automations.data?.automations as Schemas["ListedAutomationShape"][] | undefined),
  };
}

const named = (items: { id: string; name: string }[] | undefined): Map<string, string> =>
  new Map((items ?? []).map(({ id, name }) => [id, name]));
