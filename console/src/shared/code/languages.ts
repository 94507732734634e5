import { json } from "@codemirror/lang-json";
import { sql } from "@codemirror/lang-sql";
import { yaml } from "@codemirror/lang-yaml";
import type { Extension } from "@codemirror/state";
import type { Language } from "./types";

const LANGUAGES: Record<Language, () => Extension> = {
  yaml: () => yaml(),
  json: () => json(),
  sql: () => sql(),
  text: () => [],
};

export const languageOf = (name: Language): Extension => LANGUAGES[name]();
