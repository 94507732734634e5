/** What may be typed in a query: tables by their names, and the columns of the tables that the text names. */
import type { CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import { api, ask } from "~/api/client";
import { queries } from "~/app/queries";
import { quoted } from "~/pages/dataset/quoted";

const KEEP = { staleTime: 60_000, retry: false } as const;
const MOST_TABLES = 5;

export async function complete(context: CompletionContext): Promise<CompletionResult | null> {
  const word = context.matchBefore(/[\w."]+/);
  if (!word && !context.explicit) return null;
  try {
    const found = await queries.fetchQuery({
      queryKey: ["datasets", "names", ""],
      queryFn: () => ask(api.GET("/api/v1/datasets", { params: { query: { limit: 100 } } })),
      ...KEEP,
    });
    const text = context.state.doc.toString();
    const named = found.datasets.filter((each) => text.includes(each.name) || text.includes(quoted(each.name)));
    const columns = await Promise.all(named.slice(0, MOST_TABLES).map((each) => columnsOf(each.id)));
    return {
      from: word?.from ?? context.pos,
      options: [
        ...columns
          .flat()
          .map(({ name, type }) => ({ label: name, apply: quotedPart(name), detail: type, type: "property" })),
        ...found.datasets.map((each) => ({ label: each.name, apply: quoted(each.name), type: "class" })),
      ],
      validFor: /^[\w."]*$/,
    };
  } catch {
    // Without the names one types them; the page says elsewhere that the API does not answer.
    return null;
  }
}

const quotedPart = (name: string): string => (name.includes(".") ? `"${name.replaceAll('"', '""')}"` : quoted(name));

async function columnsOf(id: string): Promise<{ name: string; type: string }[]> {
  const found = await queries.fetchQuery({
    queryKey: ["dataset", id],
    queryFn: () => ask(api.GET("/api/v1/datasets/{dataset}", { params: { path: { dataset: id } } })),
    ...KEEP,
  });
  return found.columns;
}
