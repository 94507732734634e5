/** What can be run and connected: kinds, sources, connections. They seldom change, so they are asked for once a while. */
import { useQuery } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import type { Schemas } from "~/api/types";

const SELDOM = { staleTime: 300_000 } as const;

export const useKinds = () =>
  useQuery({ queryKey: ["kinds"], queryFn: ({ signal }) => ask(api.GET("/api/v1/kinds", { signal })), ...SELDOM });

export const useSources = () =>
  useQuery({ queryKey: ["sources"], queryFn: ({ signal }) => ask(api.GET("/api/v1/sources", { signal })), ...SELDOM });

export const useSource = (name: string | undefined) =>
  useQuery({
    queryKey: ["source", name],
    queryFn: ({ signal }) => ask(api.GET("/api/v1/sources/{name}", { params: { path: { name: name ?? "" } }, signal })),
    enabled: Boolean(name),
    ...SELDOM,
  });

const MOST = 1_000;

/** All connections, up to a thousand: for a choice among them. */
export const useConnections = () =>
  useQuery({
    queryKey: ["connections", "all"],
    queryFn: async ({ signal }) => {
      const found: Schemas["ListedConnectionShape"][] = [];
      for (let offset = 0; offset < MOST; offset += 100) {
        const query = { limit: 100, offset };
        const page = await ask(api.GET("/api/v1/connections", { params: { query }, signal }));
        found.push(...page.connections);
        if (!page.hasNext) break;
      }
      return found;
    },
    staleTime: 30_000,
  });

/** All actions, up to a thousand: what uses a connection is found among them. */
export const useActions = () =>
  useQuery({
    queryKey: ["actions", "all"],
    queryFn: async ({ signal }) => {
      const found: Schemas["ListedActionShape"][] = [];
      for (let offset = 0; offset < MOST; offset += 100) {
        const query = { limit: 100, offset };
        const page = await ask(api.GET("/api/v1/actions", { params: { query }, signal }));
        found.push(...page.actions);
        if (!page.hasNext) break;
      }
      return found;
    },
    staleTime: 30_000,
  });

/** The schema of an action's definition: a source's own where it is an extraction of it, else the kind's. */
export function useDefinitionSchema(kind: string, source: string | undefined) {
  const kinds = useKinds();
  const found = useSource(kind === "dlt_extract" ? source : undefined);
  const own = found.data?.definitionSchema;
  const ofKind = kinds.data?.kinds.find((each) => each.name === kind)?.definitionSchema;
  const waits = kinds.isPending || (kind === "dlt_extract" && Boolean(source) && found.isPending);
  return { schema: waits ? undefined : (own ?? ofKind ?? null), waits, error: kinds.error };
}
