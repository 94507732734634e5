/** What a connection of each provider holds. Sources say it themselves; others are told here. */
import type { Schemas } from "~/api/types";
import type { Schema } from "../form/schema";

/** `source`: the source of extractions whose schemas hold for it. */
export type Provider = { name: string; title: string; about: string; source?: string };

const MODEL: Schema = {
  type: "object",
  properties: {
    base_url: { type: "string", description: "Where the API is, with its version. Left out: the provider's own." },
    api: { type: "string", enum: ["responses", "chat"], description: "The protocol, where a provider has two." },
    models: { type: "array", items: { type: "string" }, description: "Left out: the provider is asked." },
    test_model: { type: "string", description: "Which model the test of the connection asks." },
    stream: { type: "boolean", description: "No: answers come as a whole, for servers that cannot stream." },
    headers: { type: "object", additionalProperties: { type: "string" }, description: "Sent with each request." },
  },
};

const MODELS: Provider[] = [
  { name: "openai", title: "OpenAI", about: "Language models." },
  { name: "anthropic", title: "Anthropic", about: "Language models." },
  { name: "google", title: "Google Gemini", about: "Language models." },
  {
    name: "openai_compatible",
    title: "OpenAI-compatible",
    about: "Language models of a local server, a gateway or another cloud.",
  },
];

const DATABASES: Provider[] = [
  { name: "postgres", title: "PostgreSQL", about: "A database whose tables are extracted.", source: "sql_database" },
  { name: "mysql", title: "MySQL", about: "A database whose tables are extracted.", source: "sql_database" },
  { name: "mariadb", title: "MariaDB", about: "A database whose tables are extracted.", source: "sql_database" },
];

/** All that can be chosen: the sources that take a connection, databases, models, and any other by its name. */
export function providersOf(sources: Schemas["SourceShape"][]): Provider[] {
  const own = sources
    .filter((each) => each.available && each.takesConnection && each.name !== "sql_database")
    .map((each) => ({ name: each.name, title: each.title, about: each.description, source: each.name }));
  return [...own, ...DATABASES, ...MODELS];
}

/** A provider by its name; one that nobody knows is an HTTP API. */
export function providerOf(name: string, sources: Schemas["SourceShape"][]): Provider {
  const known = providersOf(sources).find((each) => each.name === name);
  return known ?? { name, title: name, about: "An HTTP API.", source: "rest_api" };
}

const isModel = (provider: Provider): boolean => MODELS.some((each) => each.name === provider.name);

export function configOf(provider: Provider, source: Schemas["SourceDetailShape"] | undefined): Schema {
  if (isModel(provider)) {
    return provider.name === "openai_compatible" ? { ...MODEL, required: ["base_url"] } : MODEL;
  }
  return typed(source?.configSchema as Schema | null | undefined);
}

export function credentialsOf(provider: Provider, source: Schemas["SourceDetailShape"] | undefined): Schema {
  if (isModel(provider)) {
    return {
      type: "object",
      required: provider.name === "openai_compatible" ? [] : ["api_key"],
      properties: { api_key: { type: "string", writeOnly: true, description: "The provider's API key." } },
    };
  }
  const found = typed(source?.credentialsSchema as Schema | null | undefined);
  const all = Object.entries(found.properties ?? {});
  return { ...found, properties: Object.fromEntries(all.map(([name, each]) => [name, hidden(name, each)])) };
}

/** User names are not hidden while they are typed. */
const hidden = (name: string, schema: Schema): Schema =>
  /^(username|user|client_id|access_key_id)$/.test(name) ? schema : { ...schema, writeOnly: true };

const TYPES: Record<string, Schema> = {
  headers: { type: "object", additionalProperties: { type: "string" } },
  auth: {},
  port: { type: "integer" },
  ca_certificate: { type: "string", maxLength: 20_000 },
};

/** A schema whose fields say no type: most of them are texts. */
function typed(schema: Schema | null | undefined): Schema {
  const all = Object.entries(schema?.properties ?? {}).map(([name, each]) => {
    const plain = each.type === undefined && !each.enum;
    return [name, plain ? { ...(TYPES[name] ?? { type: "string" }), ...each } : each] as const;
  });
  return { type: "object", required: schema?.required, properties: Object.fromEntries(all) };
}
