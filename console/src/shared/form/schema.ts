/** What a JSON Schema asks for, in the words of a form: which field is drawn for it. */

export type Schema = {
  $ref?: string;
  $defs?: Record<string, Schema>;
  type?: string | string[];
  title?: string;
  description?: string;
  default?: unknown;
  const?: unknown;
  enum?: unknown[];
  examples?: unknown[];
  properties?: Record<string, Schema>;
  patternProperties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  discriminator?: { propertyName: string };
  format?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minItems?: number;
  maxItems?: number;
  writeOnly?: boolean;
};

export type Values = Record<string, unknown>;
export type Choice = { label: string; schema: Schema };

/** What is drawn. `secret`: the text is write-only, or may be (then it is written `{"kind": "secret", "value": …}`). */
export type Shape = { schema: Schema; description?: string; fallback?: unknown } & (
  | { as: "text"; secret: "is" | "may" | "no"; long: boolean }
  | { as: "number"; whole: boolean }
  | { as: "boolean" }
  | { as: "json" }
  | { as: "const" }
  | { as: "enum"; options: unknown[] }
  | { as: "object"; properties: Record<string, Schema>; required: Set<string> }
  | { as: "list"; items: Schema }
  | { as: "map"; values: Schema }
  | { as: "choice"; choices: Choice[]; by?: string }
);

/** Texts that may be longer than this many characters have a field of several lines. */
const LONG = 9_000;

/** The schema that a `$ref` names, with what stands beside it. A reference that leads nowhere is anything. */
export function resolve(schema: Schema, root: Schema): Schema {
  let found = schema;
  for (let depth = 0; found.$ref && depth < 20; depth += 1) {
    const { $ref, ...beside } = found;
    const path = $ref.startsWith("#/") ? $ref.slice(2).split("/") : ["?"];
    const target = path.reduce<unknown>((at, part) => (at as Values | undefined)?.[part], root) as Schema | undefined;
    found = { ...target, ...beside };
  }
  if (found.allOf?.length === 1) {
    const { allOf, ...beside } = found;
    return resolve({ ...(allOf[0] as Schema), ...beside }, root);
  }
  return found;
}

const isNull = (schema: Schema): boolean => schema.type === "null";
/** What the API writes in the place of a value that is kept and never told. */
const isKept = (schema: Schema): boolean => schema.properties?.secret?.const === true;
const isMarked = (schema: Schema): boolean => schema.properties?.kind?.const === "secret";

/** The variants of a schema without null and without what only marks secrets. */
function variantsOf(schema: Schema, root: Schema): { variants: Schema[]; secret: boolean } {
  const all = (schema.oneOf ?? schema.anyOf ?? []).map((each) => resolve(each, root));
  const nested = all.flatMap((each) => (each.oneOf || each.anyOf ? variantsOf(each, root).variants : [each]));
  return {
    variants: nested.filter((each) => !isNull(each) && !isKept(each) && !isMarked(each)),
    secret: nested.some(isMarked),
  };
}

export function shapeOf(given: Schema, root: Schema): Shape {
  const schema = resolve(given, root);
  const common = { schema, description: schema.description, fallback: schema.default };
  const { variants, secret } = variantsOf(schema, root);
  const merged = simplest(variants);
  if (merged.length === 1) {
    const inner = shapeOf(merged[0] as Schema, root);
    const said = { description: common.description ?? inner.description, fallback: common.fallback ?? inner.fallback };
    if (inner.as !== "text") return { ...inner, ...said };
    return { ...inner, ...said, secret: secret && inner.secret === "no" ? "may" : inner.secret };
  }
  if (merged.length > 1) {
    const by = schema.discriminator?.propertyName ?? discriminatorOf(merged);
    const choices = merged.map((each) => ({ schema: each, label: labelOfChoice(each, by) }));
    return { ...common, as: "choice", by, choices };
  }
  return plain(schema, common);
}

function plain(schema: Schema, common: { schema: Schema; description?: string; fallback?: unknown }): Shape {
  if (schema.const !== undefined) return { ...common, as: "const" };
  if (schema.enum) return { ...common, as: "enum", options: schema.enum };
  const type = Array.isArray(schema.type) ? schema.type.find((each) => each !== "null") : schema.type;
  if (type === "string") {
    const long = (schema.maxLength ?? 0) > LONG;
    const secret = schema.writeOnly === true || schema.format === "password" ? "is" : "no";
    return { ...common, as: "text", secret, long };
  }
  if (type === "integer" || type === "number") return { ...common, as: "number", whole: type === "integer" };
  if (type === "boolean") return { ...common, as: "boolean" };
  if (type === "array" && schema.items) return { ...common, as: "list", items: schema.items };
  if (schema.properties && Object.keys(schema.properties).length) {
    return { ...common, as: "object", properties: schema.properties, required: new Set(schema.required) };
  }
  if (type === "object") {
    const values = Object.values(schema.patternProperties ?? {})[0] ?? schema.additionalProperties;
    if (values && typeof values === "object") return { ...common, as: "map", values };
  }
  return { ...common, as: "json" };
}

/** Variants that look the same to whoever fills in the form become one: a date and a time, whole numbers and others. */
function simplest(variants: Schema[]): Schema[] {
  const strings = variants.filter((each) => each.type === "string" && !each.enum && each.const === undefined);
  const numbers = variants.filter((each) => each.type === "integer" || each.type === "number");
  const others = variants.filter((each) => !strings.includes(each) && !numbers.includes(each));
  // A text that may also be empty, or one of some words: those words are texts.
  const words = others.filter((each) => each.type === "string");
  const rest = strings.length ? others.filter((each) => !words.includes(each)) : others;
  const number = numbers.find((each) => each.type === "number") ?? numbers[0];
  return [...strings.slice(0, 1), ...(number ? [number] : []), ...rest];
}

/** A property that is a constant in each variant: `type`, `source`. */
function discriminatorOf(variants: Schema[]): string | undefined {
  const first = variants[0]?.properties ?? {};
  return Object.keys(first).find((name) => variants.every((each) => each.properties?.[name]?.const !== undefined));
}

const TYPES: Record<string, string> = {
  string: "Text",
  integer: "Number",
  number: "Number",
  boolean: "Yes or no",
  array: "List",
  object: "Fields",
};

function labelOfChoice(schema: Schema, by: string | undefined): string {
  const told = by && schema.properties?.[by]?.const;
  if (told) return String(told);
  if (schema.const !== undefined) return String(schema.const);
  if (schema.enum) return "One of some words";
  return schema.properties && schema.title ? words(schema.title) : (TYPES[String(schema.type)] ?? "JSON");
}

/** `max_attempts`, `maxAttempts` and `MaxAttempts` for people: Max attempts. */
export function words(name: string): string {
  const text = name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/[_-]+/g, " ")
    .trim()
    .toLowerCase()
    .replace(/\b(url|sql|id|api|json|http|csv|ca)\b/g, (word) => word.toUpperCase());
  return text.charAt(0).toUpperCase() + text.slice(1);
}
