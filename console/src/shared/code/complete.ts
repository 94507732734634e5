/** Completion of YAML and JSON from JSON schemas. */
import type { Completion, CompletionContext, CompletionResult, CompletionSource } from "@codemirror/autocomplete";
import { isMap, isScalar, isSeq, type Node, type Pair, parseDocument } from "yaml";
import { alternatives, type Definitions, fitting, inside, namesOf, type Schema, valuesOf } from "./schema";

/** What is known besides the schema: the schema of a place by what stands around it, and values that the text itself names. */
export type Knowledge = {
  root: Schema;
  definitions: Definitions;
  /** `around`: the object in which the place stands. */
  schemaAt?: (place: (string | number)[], around: unknown) => Schema | undefined;
  valuesAt?: (place: (string | number)[], whole: unknown) => Completion[] | undefined;
};

const WORD = "vai0here";
const TYPED = /[\w$./-]*$/;

export function completing(read: () => Knowledge | undefined): CompletionSource {
  return (context) => {
    const knowledge = read();
    return knowledge ? complete(context, knowledge) : null;
  };
}

function complete(context: CompletionContext, knowledge: Knowledge): CompletionResult | null {
  const text = context.state.doc.toString();
  const line = context.state.doc.lineAt(context.pos);
  const before = line.text.slice(0, context.pos - line.from);
  if (/(^|\s)#/.test(before)) return null;
  const word = TYPED.exec(before)?.[0] ?? "";
  if (!context.explicit && !word && !/[:-]\s$/.test(before)) return null;
  const from = context.pos - word.length;
  const found = locate(text.slice(0, from), text.slice(context.pos));
  if (!found) return null;
  const schemas = schemasAt(knowledge, found.place, found.whole);
  const quoted = text[from - 1] === '"';
  const options = found.isKey
    ? keysOf(schemas, found.siblings, quoted || /^\s*:/.test(text.slice(context.pos)))
    : (knowledge.valuesAt?.(found.place, found.whole) ??
      valuesOf(schemas).map((label) => ({ label, type: "constant" })));
  return options.length ? { from, options, validFor: /^[\w$./-]*$/ } : null;
}

/** Where in the document the cursor stands: a word is put there, as a name or as a value, and looked for. */
function locate(before: string, after: string): (Spot & { whole: unknown }) | undefined {
  const head = before.slice(before.lastIndexOf("\n") + 1);
  const asName = before.endsWith('"') ? `${WORD}": null` : `${WORD}: null`;
  const closed = before.endsWith('"') ? after.replace(/^"/, "") : after;
  const named = /^"?\s*:/.test(after);
  const tries: [string, boolean][] = [];
  if (named) tries.push([`${before}${WORD}${after}`, true]);
  else if (!/:\s*"?$/.test(head)) tries.push([`${before}${asName}${closed}`, true]);
  if (!named) tries.push([`${before}${WORD}${after}`, false]);
  for (const [text, isKey] of tries) {
    const document = parseDocument(text, { prettyErrors: false, uniqueKeys: false });
    const spot = search(document.contents as Node | null, []);
    if (spot?.isKey === isKey) return { ...spot, whole: safe(document) };
  }
  return undefined;
}

function safe(document: { toJS: (options: { maxAliasCount: number }) => unknown }): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch {
    return undefined;
  }
}

type Spot = { place: (string | number)[]; isKey: boolean; siblings: Set<string> };

function search(node: Node | null | undefined, place: (string | number)[]): Spot | undefined {
  if (isScalar(node)) return node.value === WORD ? { place, isKey: false, siblings: new Set() } : undefined;
  if (isMap(node)) {
    const names = node.items.map((each) => String((each.key as { value?: unknown }).value ?? each.key));
    if (names.includes(WORD)) return { place, isKey: true, siblings: new Set(names) };
    for (const [index, pair] of (node.items as Pair<Node, Node>[]).entries()) {
      const found = search(pair.value, [...place, names[index] as string]);
      if (found) return found;
    }
  } else if (isSeq(node)) {
    for (const [index, item] of node.items.entries()) {
      const found = search(item as Node, [...place, index]);
      if (found) return found;
    }
  }
  return undefined;
}

function schemasAt(knowledge: Knowledge, place: (string | number)[], whole: unknown): Schema[] {
  let schemas = fitting(alternatives(knowledge.root, knowledge.definitions), whole);
  let value = whole;
  for (const [index, part] of place.entries()) {
    const around = value;
    value = (value as Record<string, unknown> | undefined)?.[part as string];
    const special = knowledge.schemaAt?.(place.slice(0, index + 1), around);
    schemas = special
      ? alternatives(special, { ...knowledge.definitions, ...((special.$defs as Definitions | undefined) ?? {}) })
      : inside(schemas, part, knowledge.definitions);
    schemas = fitting(schemas, value);
  }
  return schemas;
}

function keysOf(schemas: Schema[], siblings: Set<string>, bare: boolean): Completion[] {
  return namesOf(schemas)
    .filter(({ name }) => !siblings.has(name))
    .map(({ name, type, description, required }) => ({
      label: name,
      type: "property",
      detail: [type, required ? "required" : ""].filter(Boolean).join(", "),
      info: description || undefined,
      boost: required ? 2 : 0,
      apply: bare ? name : `${name}: `,
    }));
}
