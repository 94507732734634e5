/** The fields of an action: its name, what it does, by which connection, and what it is called by. */
import { Checkbox, Select, Stack, TagsInput, TextInput } from "@mantine/core";
import { useMemo } from "react";
import { SchemaForm } from "../form/form";
import { errorsAt } from "../form/places";
import type { Schema, Values } from "../form/schema";
import { fieldOf } from "../problems";
import { useConnections } from "./queries";

export type ActionDraft = {
  name: string;
  slug: string;
  connectionId: string | null;
  labels: string[];
  expose: boolean;
  definition: Values;
};

export const NEW_ACTION: ActionDraft = {
  name: "",
  slug: "",
  connectionId: null,
  labels: [],
  expose: false,
  definition: {},
};

/** Drawn elsewhere: the kind is chosen before, the connection beside. */
export const HIDDEN = ["kind", "connection", "connectionRef", "source"] as const;
export const SELDOM = [
  "requires_approval",
  "approval_timeout_seconds",
  "retry",
  "timeout_seconds",
  "source_name",
  "slice_rows",
  "keep_versions",
  "current",
] as const;

/** `team=finance` as the API has labels. One without a `=` is a label with an empty value. */
export const labelsOf = (words: string[]): Record<string, string> =>
  Object.fromEntries(
    words.map((word) => {
      const at = word.indexOf("=");
      return at < 0 ? [word.trim(), ""] : [word.slice(0, at).trim(), word.slice(at + 1).trim()];
    }),
  );

export const wordsOf = (labels: Record<string, string>): string[] =>
  Object.entries(labels).map(([name, value]) => `${name}=${value}`);

type Props = {
  draft: ActionDraft;
  change: (draft: ActionDraft) => void;
  schema: Schema | null;
  error: unknown;
  /** Only connections of these providers fit; all where it is not known. */
  provider?: string;
  /** Without a connection: the kind uses none. */
  alone?: boolean;
};

export function ActionForm({ draft, change, schema, error, provider, alone }: Props) {
  const set = (part: Partial<ActionDraft>): void => change({ ...draft, ...part });
  const errors = useMemo(() => errorsAt(error, "definition", draft.definition), [error, draft.definition]);
  const about = (field: string): string | undefined => fieldOf(error, field);
  return (
    <Stack gap="md">
      <TextInput
        label="Name"
        withAsterisk
        maxLength={255}
        value={draft.name}
        error={about("name")}
        onChange={(event) => set({ name: event.currentTarget.value })}
        data-autofocus
      />
      {!alone && (
        <ConnectionField
          value={draft.connectionId}
          change={(connectionId) => set({ connectionId })}
          provider={provider}
          error={about("connectionId") ?? about("connectionRef")}
        />
      )}
      <SchemaForm
        schema={schema ?? { type: "object", description: "" }}
        value={draft.definition}
        onChange={(definition) => set({ definition })}
        errors={errors}
        hide={HIDDEN}
        last={SELDOM}
        name="the definition"
      />
      <TagsInput
        label="Labels"
        description="To find it by, and to group what it costs: team=finance, then Enter."
        value={draft.labels}
        error={about("labels")}
        onChange={(labels) => set({ labels })}
        splitChars={[",", " "]}
      />
      <TextInput
        label="Slug"
        description="Its name in addresses and references. Left out: made of the name."
        value={draft.slug}
        error={about("slug")}
        onChange={(event) => set({ slug: event.currentTarget.value })}
      />
      <Checkbox
        label="A tool of agents and of clients over MCP"
        checked={draft.expose}
        onChange={(event) => set({ expose: event.currentTarget.checked })}
      />
    </Stack>
  );
}

type ConnectionProps = {
  value: string | null;
  change: (id: string | null) => void;
  provider?: string;
  error?: string;
};

function ConnectionField({ value, change, provider, error }: ConnectionProps) {
  const { data } = useConnections();
  const fits = (data ?? []).filter((each) => !provider || each.provider === provider || each.id === value);
  const shown = fits.length ? fits : (data ?? []);
  return (
    <Select
      label="Connection"
      description={
        data && data.length === 0
          ? "There is none yet. An administrator makes one on the page Connections."
          : "Its credentials and its address are used."
      }
      placeholder="None"
      data={shown.map((each) => ({ value: each.id, label: `${each.name} (${each.provider})` }))}
      value={value}
      error={error}
      onChange={change}
      clearable
      searchable
      clearButtonProps={{ "aria-label": "No connection" }}
      nothingFoundMessage="No connection has this name"
    />
  );
}
