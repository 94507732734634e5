/** An automation as the text that people edit, and the text as the body that the API takes. */
import type { OneAutomation } from "~/shared/automations";
import { written } from "~/shared/code/document";

export type Language = "yaml" | "json";
type Json = Record<string, unknown>;

const EXAMPLE = `name: Daily orders
trigger:
  type: schedule
  schedule: "0 6 * * *"
  timezone: UTC
# What the automation may be given when it starts.
inputs:
  least:
    type: integer
    default: 1
steps:
  - key: extract
    kind: dlt_extract
    definition:
      source: sample
      resources: [orders]
  - key: enough
    depends_on: [extract]
    kind: conditional_branch
    definition:
      conditions:
        - field: steps.extract.result.recordsProcessed
          operator: gte
          value: $/inputs/least
  - key: look
    name: Let somebody look
    depends_on:
      - step: enough
        port: "true"
    kind: approval_gate
    definition:
      title: Orders are here
      message: \${/steps/extract/result/recordsProcessed} orders came. Go on?
`;

export const example = (language: Language): string =>
  language === "yaml" ? EXAMPLE : written({ name: "", steps: [] }, "json");

/** What its author decided, without what is as it is by itself. */
export function textOf(automation: OneAutomation, language: Language, copy = false): string {
  const { trigger } = automation;
  const body: Json = {
    name: copy ? `${automation.name} (copy)`.slice(0, 255) : automation.name,
    ...(copy ? {} : { slug: automation.slug }),
    ...some("description", automation.description),
    ...some("labels", automation.labels),
    ...(automation.expose && !copy ? { expose: true } : {}),
    trigger: copy ? without(trigger, "secret") : trigger,
    ...some("conditions", automation.conditions),
    ...some("inputs", inputsOf(automation.inputs)),
    ...(automation.max_parallel === 3 ? {} : { max_parallel: automation.max_parallel }),
    steps: automation.steps.map(stepOf),
  };
  return written(body, language);
}

/** The whole body of a change: what the text does not say is as it is by itself, and not as it was before. */
export function changeOf(value: Json): Json {
  return {
    description: null,
    labels: {},
    expose: false,
    trigger: { type: "manual" },
    conditions: [],
    inputs: {},
    max_parallel: 3,
    ...("steps" in value || "actions" in value ? {} : { steps: [] }),
    ...value,
  };
}

/** For a check without saving: secrets that are kept are not known there, so something stands in their place. */
export function withoutMarks(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMarks);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value);
  if (entries.length === 1 && entries[0]?.[0] === "secret" && entries[0][1] === true)
    return "kept-as-it-is-kept-as-it-is";
  return Object.fromEntries(entries.map(([name, each]) => [name, withoutMarks(each)]));
}

function stepOf(step: OneAutomation["steps"][0]): Json {
  const { kind, definition, action_id, definition_overrides } = step.action;
  return {
    key: step.key,
    ...some("name", step.name),
    ...some("depends_on", step.depends_on),
    ...(step.condition.type === "on_success" ? {} : { condition: step.condition.type }),
    ...(action_id ? { action_id, ...some("definition_overrides", definition_overrides) } : { kind, definition }),
  };
}

/** Without `required: false` and a default of nothing, which say nothing; a default of `false` stays. */
const inputsOf = (inputs: Json): Json =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, input]) => [
      name,
      Object.fromEntries(
        Object.entries(input as Json).filter(
          ([field, value]) => value !== null && !(field === "required" && value === false),
        ),
      ),
    ]),
  );

const without = (value: Json, name: string): Json =>
  Object.fromEntries(Object.entries(value).filter(([each]) => each !== name));

function some(name: string, value: unknown): Json {
  const empty = value === null || value === undefined || value === "" || Object.keys(value as object).length === 0;
  return empty ? {} : { [name]: value };
}
