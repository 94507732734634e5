/** What is searched for: it stands in the page's address, as the API asks for it. */
import type { LogQuery } from "~/api/types";
import { listOf, type Search, textOf } from "~/app/search";
import { sinceOf } from "~/shared/listing/since";

const LISTS = ["status", "kind", "label"] as const;
const TEXTS = ["q", "level", "action_id", "automation_id", "connection_id", "occurred_from", "occurred_until"] as const;
const NAMES = [...LISTS, ...TEXTS, "since"];

/** The query of the API; `now` in milliseconds. */
export function queryOf(search: Search, now: number): LogQuery {
  const query: Record<string, unknown> = {};
  for (const name of LISTS) if (listOf(search[name]).length) query[name] = listOf(search[name]);
  for (const name of TEXTS) if (textOf(search[name])) query[name] = textOf(search[name]);
  const since = sinceOf(textOf(search.since), now);
  if (since) query.occurred_from = since;
  return query as LogQuery;
}

export const isFiltered = (search: Search): boolean => NAMES.some((name) => listOf(search[name]).length > 0);

/** What takes every filter away. */
export const NONE: Record<string, undefined> = Object.fromEntries(NAMES.map((name) => [name, undefined]));
