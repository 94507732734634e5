/** What a JSON schema says about a place in a document: which names may stand there, and which values. */

export type Schema = { [keyword: string]: unknown };
export type Definitions = Record<string, Schema>;

const MOST = 40;

/** A schema with its references followed and its alternatives spread out. */
export function alternatives(schema: Schema | undefined, all: Definitions, left = 8): Schema[] {
  if (!schema || left === 0) return [];
  const reference = schema.$ref;
  if (typeof reference === "string") {
    const local = (schema.$defs ?? {}) as Definitions;
    const name = reference.split("/").at(-1) as string;
    return alternatives(all[name] ?? local[name], all, left - 1);
  }
  const several = [schema.anyOf, schema.oneOf, schema.allOf].find(Array.isArray) as Schema[] | undefined;
  if (!several) return [schema];
  const common = schema.description ? { description: schema.description } : {};
  return several.flatMap((each) => alternatives({ ...common, ...each }, all, left - 1)).slice(0, MOST);
}

/** Of several, those that fit what an object says already: `type: schedule` leaves one of four triggers. */
export function fitting(schemas: Schema[], value: unknown): Schema[] {
  if (typeof value !== "object" || value === null) return schemas;
  const given = value as Record<string, unknown>;
  const fits = schemas.filter((schema) =>
    Object.entries((schema.properties ?? {}) as Definitions).every(([name, property]) => {
      const only =
        property.const ?? (Array.isArray(property.enum) && property.enum.length === 1 ? property.enum[0] : undefined);
      return only === undefined || given[name] === undefined || given[name] === null || given[name] === only;
    }),
  );
  return fits.length ? fits : schemas;
}

/** What the schemas say about one part: a name of an object, or an item of a list. */
export function inside(schemas: Schema[], part: string | number, all: Definitions): Schema[] {
  return schemas.flatMap((schema) => {
    if (typeof part === "number") return alternatives(schema.items as Schema | undefined, all);
    const own = (schema.properties as Definitions | undefined)?.[part];
    const other = typeof schema.additionalProperties === "object" ? (schema.additionalProperties as Schema) : undefined;
    return alternatives(own ?? other, all);
  });
}

/** The values that may stand at a place, where the schema names them. */
export function valuesOf(schemas: Schema[]): string[] {
  const found = schemas.flatMap((schema) => {
    if (Array.isArray(schema.enum)) return schema.enum;
    if ("const" in schema) return [schema.const];
    return schema.type === "boolean" ? [true, false] : [];
  });
  return [...new Set(found.filter((each) => each !== null).map(String))];
}

export type Name = { name: string; type: string; description: string; required: boolean };

/** The names that an object may have there. */
export function namesOf(schemas: Schema[]): Name[] {
  const found = new Map<string, Name>();
  for (const schema of schemas) {
    const required = new Set((schema.required as string[] | undefined) ?? []);
    for (const [name, property] of Object.entries((schema.properties ?? {}) as Definitions)) {
      if (found.has(name)) continue;
      found.set(name, {
        name,
        type: typeOf(property),
        description: String(property.description ?? ""),
        required: required.has(name),
      });
    }
  }
  return [...found.values()];
}

function typeOf(property: Schema): string {
  if (typeof property.type === "string") return property.type;
  const several = [property.anyOf, property.oneOf].find(Array.isArray) as Schema[] | undefined;
  return [...new Set((several ?? []).map(typeOf).filter((each) => each && each !== "null"))].join(" or ");
}
