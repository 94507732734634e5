/** What may be typed in an automation: by the API's own document, its kinds, and the steps of the text itself. */
import { useQuery } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import { ROOT } from "~/api/root";
import type { Knowledge } from "~/shared/code/complete";
import type { Definitions, Schema } from "~/shared/code/schema";

type Whole = { steps?: unknown; actions?: unknown } | undefined;

export function useKnowledge(): Knowledge | undefined {
  const { data: document } = useQuery({
    queryKey: ["openapi"],
    queryFn: async ({ signal }): Promise<Definitions> => {
      const answer = await fetch(`${ROOT}/openapi.json`, { signal });
      return ((await answer.json()) as { components: { schemas: Definitions } }).components.schemas;
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
  const { data: kinds } = useQuery({
    queryKey: ["kinds"],
    queryFn: async ({ signal }) => (await ask(api.GET("/api/v1/kinds", { signal }))).kinds,
    staleTime: 300_000,
  });
  const root = document?.AutomationBody;
  if (!document || !root) return undefined;
  return {
    root,
    definitions: document,
    schemaAt: (place, around) => {
      const name = place.at(-1);
      if (name !== "definition" && name !== "definition_overrides") return undefined;
      const kind = (around as { kind?: unknown } | undefined)?.kind;
      return (kinds?.find((each) => each.name === kind)?.definitionSchema ?? undefined) as Schema | undefined;
    },
    valuesAt: (place, whole) => {
      const [last, before] = [place.at(-1), place.at(-2)];
      if (last === "kind" && isStep(place)) {
        return kinds
          ?.filter((each) => each.available)
          .map((each) => ({ label: each.name, type: "type", info: each.description }));
      }
      if (before === "depends_on" || (last === "step" && place.includes("depends_on"))) {
        return keysOf(whole as Whole).map((label) => ({ label, type: "variable" }));
      }
      return undefined;
    },
  };
}

const isStep = (place: (string | number)[]): boolean => place[0] === "steps" || place[0] === "actions";

function keysOf(whole: Whole): string[] {
  const steps = whole?.steps ?? whole?.actions;
  const keys = Array.isArray(steps) ? steps.map((each) => (each as { key?: unknown } | null)?.key) : [];
  return keys.filter((key): key is string => typeof key === "string");
}
