/** YAML (and JSON, which is YAML): what a text says, and where each part of it stands. */
import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  stringify,
} from "yaml";
import type { Mark } from "./types";

export type Place = readonly (string | number)[];

export type Parsed = {
  /** What the text says; undefined where it cannot be read. */
  value: unknown;
  /** Why it cannot be read, at its places. */
  marks: Mark[];
  document: Document;
  lines: LineCounter;
};

/** Reads a text. Nothing in it is run, and what repeats itself without end is refused. */
export function parse(text: string): Parsed {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: "1.2", merge: false });
  const marks: Mark[] = document.errors.map((error) => ({
    from: error.pos[0],
    to: Math.max(error.pos[1], error.pos[0] + 1),
    severity: "error",
    message: error.message,
  }));
  let value: unknown;
  if (!marks.length) {
    try {
      value = document.toJS({ maxAliasCount: 100 });
    } catch (error) {
      marks.push({
        from: 0,
        to: 1,
        severity: "error",
        message: error instanceof Error ? error.message : String(error),
      });
    }
  }
  return { value, marks, document, lines };
}

/** The part of the text that a path leads to, or else what is nearest above it: positions from and to. */
export function rangeOf(parsed: Parsed, place: Place): [number, number] {
  let node = parsed.document.contents as Node | null;
  let found: [number, number] = [0, 0];
  for (const part of place) {
    if (isMap(node)) {
      const pair = node.items.find((each) => String(scalarOf(each.key)) === String(part)) as
        | Pair<Node, Node>
        | undefined;
      // What is written in a short form has fewer levels than what the answer speaks of.
      if (!pair) continue;
      const key = pair.key.range;
      if (key) found = [key[0], key[1]];
      node = pair.value;
    } else if (isSeq(node)) {
      const item = node.items[Number(part)] as Node | undefined;
      if (!item?.range) break;
      found = [item.range[0], firstLine(parsed, item.range[0], item.range[1])];
      node = item;
    } else break;
  }
  if (isScalar(node) && node.range && node.range[1] > node.range[0] && place.length) found = [found[0], node.range[1]];
  return found;
}

function firstLine(parsed: Parsed, from: number, to: number): number {
  const next = parsed.lines.lineStarts[parsed.lines.linePos(from).line];
  return next === undefined ? to : Math.min(to, next - 1);
}

const scalarOf = (key: unknown): unknown => (isScalar(key) ? key.value : key);

/** The line on which a position stands, from 1. */
export const lineAt = (parsed: Parsed, position: number): number => parsed.lines.linePos(position).line;

export const written = (value: unknown, language: "yaml" | "json"): string =>
  language === "json"
    ? `${JSON.stringify(value, null, 2)}\n`
    : stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
