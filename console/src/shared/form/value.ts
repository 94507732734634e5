/** Values of a form: what is written is in them, and nothing else. */
import { type Choice, resolve, type Schema, shapeOf, type Values } from "./schema";

export const isObject = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The value with one name set, or left out where there is nothing. */
export function withName(value: unknown, name: string, next: unknown): Values {
  const all = isObject(value) ? value : {};
  if (next !== undefined) return { ...all, [name]: next };
  return Object.fromEntries(Object.entries(all).filter(([each]) => each !== name));
}

/** What a new value begins with: constants that must be there, and what is not optional below it. */
export function blank(schema: Schema, root: Schema, depth = 0): unknown {
  const shape = shapeOf(schema, root);
  if (shape.as === "const") return shape.schema.const;
  if (shape.as === "list") return [];
  if (shape.as === "map") return {};
  if (shape.as !== "object") return undefined;
  const found: Values = {};
  for (const [name, property] of Object.entries(shape.properties)) {
    const inner = shapeOf(property, root);
    const tells = inner.as === "const" && (shape.required.has(name) || inner.fallback !== undefined);
    if (tells) found[name] = inner.schema.const;
    else if (shape.required.has(name) && inner.as === "object" && depth < 5) {
      found[name] = blank(property, root, depth + 1);
    }
  }
  return found;
}

/** Which variant a value is; -1 where it is none yet. */
export function choiceOf(value: unknown, choices: Choice[], by: string | undefined): number {
  if (value === undefined || value === null) return -1;
  if (by) return choices.findIndex((each) => isObject(value) && each.schema.properties?.[by]?.const === value[by]);
  return choices.findIndex(({ schema }) => fits(value, schema));
}

function fits(value: unknown, schema: Schema): boolean {
  if (schema.const !== undefined) return value === schema.const;
  if (schema.enum) return schema.enum.includes(value);
  switch (schema.type) {
    case "string":
      return typeof value === "string";
    case "integer":
    case "number":
      return typeof value === "number";
    case "boolean":
      return typeof value === "boolean";
    case "array":
      return Array.isArray(value);
    case "object": {
      if (!isObject(value)) return false;
      const known = schema.properties;
      return !known || schema.additionalProperties !== false || Object.keys(value).every((name) => name in known);
    }
    default:
      return true;
  }
}

/** The names that must be there and are not, as places of the form. The API has the last word on all else. */
export function missing(schema: Schema, value: unknown, hidden: ReadonlySet<string>, root: Schema = schema): string[] {
  const shape = shapeOf(resolve(schema, root), root);
  if (shape.as !== "object") return [];
  return Object.keys(shape.properties).filter(
    (name) => shape.required.has(name) && !hidden.has(name) && (!isObject(value) || isEmpty(value[name])),
  );
}

const isEmpty = (value: unknown): boolean => value === undefined || value === null || value === "";

/** A value as the API takes a secret in a definition, and as it tells that one is kept. */
export const marked = (text: string): Values => ({ kind: "secret", value: text });
export const isKeptSecret = (value: unknown): boolean => isObject(value) && value.secret === true;
export const isMarkedSecret = (value: unknown): value is { kind: "secret"; value: unknown } =>
  isObject(value) && value.kind === "secret" && "value" in value;

/** Text for people from a default: `Default: 3`. Empty where there is none. */
export function told(fallback: unknown): string {
  if (fallback === undefined || fallback === null || fallback === "") return "";
  if (typeof fallback === "boolean") return `Default: ${fallback ? "yes" : "no"}`;
  if (typeof fallback === "object") return "";
  return `Default: ${String(fallback)}`;
}
