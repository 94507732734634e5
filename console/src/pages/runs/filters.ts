/** The filters of the list: what stands in the page's address, as the API asks for it. */
import type { RunQuery } from "~/api/types";
import { listOf, type Search, textOf } from "~/app/search";
import { sinceOf } from "~/shared/listing/since";

const LISTS = ["status", "kind", "trigger_method", "label"] as const;
const TEXTS = ["action_id", "automation_id", "connection_id", "parent_action_run_id", "q", "created_until"] as const;
const NAMES = [...LISTS, ...TEXTS, "created_from", "since"];

/** The query of the API. `since` is how far back from `now` (milliseconds). */
export function queryOf(search: Search, now: number): RunQuery {
  const query: Record<string, unknown> = {};
  for (const name of LISTS) if (listOf(search[name]).length) query[name] = listOf(search[name]);
  for (const name of TEXTS) if (textOf(search[name])) query[name] = textOf(search[name]);
  const asked = sinceOf(textOf(search.since), now) ?? textOf(search.created_from);
  if (asked) query.created_from = asked;
  if (textOf(search.sort) === "oldest") query.order = "asc";
  return query as RunQuery;
}

export const isFiltered = (search: Search): boolean => NAMES.some((name) => listOf(search[name]).length > 0);

/** What takes every filter away. */
export const NONE: Record<string, undefined> = Object.fromEntries(NAMES.map((name) => [name, undefined]));

/** The filters that the stream of changes has, too; nothing where it cannot tell which runs match. */
export function streamOf(query: RunQuery): string | undefined {
  if (query.q || query.automation_id) return undefined;
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (name === "order") continue;
    for (const one of Array.isArray(value) ? value : [value]) asked.append(name, String(one));
  }
  return asked.toString();
}
