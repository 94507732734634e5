/** Lists: which operations have pages, and what is on them. */
import type { paths } from "./schema.js";

type Answer<P extends keyof paths> = paths[P] extends {
  get: { responses: { 200: { content: { "application/json": infer Body } } } };
}
  ? Body
  : never;

type Paged = { hasNext: boolean } | { nextCursor: string | null };

/** The paths of lists. */
export type ListPath = { [P in keyof paths]: Answer<P> extends Paged ? P : never }[keyof paths];

/** One page of a list. */
export type PageOf<P extends ListPath> = Answer<P>;

/** One row of a list. */
export type ItemOf<P extends ListPath> = {
  [K in keyof Answer<P>]: Answer<P>[K] extends readonly (infer Item)[] ? Item : never;
}[keyof Answer<P>];

/** What a list may be asked for. */
export type QueryOf<P extends ListPath> = paths[P] extends { get: { parameters: { query?: infer Query } } }
  ? NonNullable<Query>
  : never;

/** What stands in a list's path: `{run_id}`. */
export type PlacesOf<P extends ListPath> = paths[P] extends { get: { parameters: { path: infer Places } } }
  ? Places
  : undefined;

/** What the next page is asked for by, null behind the last one. */
export function nextOf(page: object, query: Record<string, unknown>, names: string): Record<string, unknown> | null {
  const { nextCursor, hasNext, offset, limit } = page as Record<string, unknown>;
  if (typeof nextCursor === "string") {
    const more = (page as { hasMore?: boolean }).hasMore ?? hasNext ?? true;
    return more ? { ...query, offset: undefined, [names]: nextCursor } : null;
  }
  const step = Number(limit ?? 0) || itemsOf(page).length;
  return hasNext === true && step > 0 ? { ...query, offset: Number(offset ?? 0) + step } : null;
}

/** The rows of a page: the one array that it has. */
export function itemsOf(page: object): unknown[] {
  return (Object.values(page).find(Array.isArray) as unknown[] | undefined) ?? [];
}
