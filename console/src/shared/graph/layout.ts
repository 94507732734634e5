/**
 * Where each step is drawn: in columns from left to right, a step in the column behind the last that it waits for.
 *
 * Libraries that give long lines bends of their own take minutes for 1,000 steps with 3,000 lines; here lines go
 * straight, and the order within the columns makes few of them cross.
 */
import type { Graph } from "./steps";

export const WIDTH = 216;
export const HEIGHT = 58;
const BETWEEN_COLUMNS = 88;
const BETWEEN_ROWS = 22;
const SWEEPS = 6;

export type Spot = { x: number; y: number };

export function layout({ nodes, edges }: Graph): Map<string, Spot> {
  const before = new Map<string, string[]>(nodes.map(({ key }) => [key, []]));
  const after = new Map<string, string[]>(nodes.map(({ key }) => [key, []]));
  for (const { source, target } of edges) {
    before.get(target)?.push(source);
    after.get(source)?.push(target);
  }
  const column = columnsOf(
    nodes.map(({ key }) => key),
    before,
    after,
  );
  const columns: string[][] = [];
  for (const { key } of nodes) {
    const at = column.get(key) ?? 0;
    columns[at] ??= [];
    columns[at].push(key);
  }
  const row = new Map<string, number>();
  const place = (keys: string[]): void => {
    // The wanted rows, but at least one row from the next, and as a whole where they wanted to be.
    let next = Number.NEGATIVE_INFINITY;
    const wanted = keys.map((key) => row.get(key) ?? 0);
    const got = wanted.map((want) => {
      next = Math.max(want, next + 1);
      return next;
    });
    const shift = got.reduce((sum, each, index) => sum + each - (wanted[index] as number), 0) / Math.max(1, got.length);
    for (const [index, key] of keys.entries()) row.set(key, (got[index] as number) - shift);
  };
  for (const keys of columns) for (const [index, key] of keys.entries()) row.set(key, index - (keys.length - 1) / 2);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const forwards = sweep % 2 === 0;
    const neighbours = forwards ? before : after;
    for (const keys of forwards ? columns : columns.toReversed()) {
      for (const key of keys) {
        const near = neighbours.get(key) ?? [];
        if (near.length) row.set(key, near.reduce((sum, each) => sum + (row.get(each) ?? 0), 0) / near.length);
      }
      keys.sort((one, other) => (row.get(one) ?? 0) - (row.get(other) ?? 0));
      place(keys);
    }
  }
  return new Map(
    nodes.map(({ key }) => [
      key,
      { x: (column.get(key) ?? 0) * (WIDTH + BETWEEN_COLUMNS), y: (row.get(key) ?? 0) * (HEIGHT + BETWEEN_ROWS) },
    ]),
  );
}

/** The longest way to each; what goes in a circle (somebody is still typing) is put behind the rest. */
function columnsOf(keys: string[], before: Map<string, string[]>, after: Map<string, string[]>): Map<string, number> {
  const waits = new Map(keys.map((key) => [key, before.get(key)?.length ?? 0]));
  const column = new Map<string, number>(keys.map((key) => [key, 0]));
  const ready = keys.filter((key) => !waits.get(key));
  for (let index = 0; index < ready.length; index += 1) {
    const key = ready[index] as string;
    for (const next of after.get(key) ?? []) {
      column.set(next, Math.max(column.get(next) ?? 0, (column.get(key) ?? 0) + 1));
      const left = (waits.get(next) ?? 0) - 1;
      waits.set(next, left);
      if (left === 0) ready.push(next);
    }
  }
  return column;
}
