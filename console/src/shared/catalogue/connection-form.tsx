/** The fields of a connection. Credentials go in and never come out: what is set shows as set. */
import { Checkbox, Fieldset, NumberInput, Stack, Text, TextInput } from "@mantine/core";
import { useMemo, useState } from "react";
import { SchemaForm } from "../form/form";
import { errorsAt } from "../form/places";
import { KeptSecret } from "../form/scalars";
import type { Values } from "../form/schema";
import { fieldOf } from "../problems";
import { configOf, credentialsOf, type Provider } from "./connection-schemas";
import { useSource } from "./queries";

export type ConnectionDraft = {
  name: string;
  slug: string;
  config: Values;
  /** undefined: as they are. */
  credentials: Values | undefined;
  isDefault: boolean;
  maxRunning: number | null;
};

export const NEW_CONNECTION: ConnectionDraft = {
  name: "",
  slug: "",
  config: {},
  credentials: {},
  isDefault: false,
  maxRunning: null,
};

type Props = {
  provider: Provider;
  draft: ConnectionDraft;
  change: (draft: ConnectionDraft) => void;
  error: unknown;
  /** Whether credentials are kept already. */
  kept: boolean;
};

export function ConnectionForm({ provider, draft, change, error, kept }: Props) {
  const set = (part: Partial<ConnectionDraft>): void => change({ ...draft, ...part });
  const found = useSource(provider.source);
  const about = (field: string): string | undefined => fieldOf(error, field);
  const config = useMemo(() => configOf(provider, found.data), [provider, found.data]);
  const errors = useMemo(() => errorsAt(error, "config", draft.config), [error, draft.config]);
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
      <Fieldset legend="Where it is" style={{ minWidth: 0 }}>
        <SchemaForm
          schema={config}
          value={draft.config}
          onChange={(next) => set({ config: next })}
          errors={errors}
          name="the config"
        />
      </Fieldset>
      <Credentials provider={provider} draft={draft} set={set} error={error} kept={kept} />
      <TextInput
        label="Slug"
        description="Its name in definitions. Left out: made of the name."
        value={draft.slug}
        error={about("slug")}
        onChange={(event) => set({ slug: event.currentTarget.value })}
      />
      <NumberInput
        label="Runs at once"
        description="At most so many work on it at the same time. Empty: as many as there are workers for."
        allowDecimal={false}
        hideControls
        value={draft.maxRunning ?? ""}
        error={about("maxRunning")}
        onChange={(next) => set({ maxRunning: next === "" ? null : Number(next) })}
      />
      <Checkbox
        label={`The default for ${provider.name}`}
        description="Taken where a definition names the provider and no connection."
        checked={draft.isDefault}
        error={about("isDefault")}
        onChange={(event) => set({ isDefault: event.currentTarget.checked })}
      />
    </Stack>
  );
}

type CredentialProps = Omit<Props, "change"> & { set: (part: Partial<ConnectionDraft>) => void };

function Credentials({ provider, draft, set, error, kept }: CredentialProps) {
  const [replaces, setReplaces] = useState(!kept);
  const found = useSource(provider.source);
  const schema = useMemo(() => credentialsOf(provider, found.data), [provider, found.data]);
  const value = draft.credentials;
  const errors = useMemo(() => errorsAt(error, "credentials", value ?? {}), [error, value]);
  if (!replaces && value === undefined) {
    return (
      <KeptSecret
        label="Credentials"
        description="They are replaced as a whole. Another address needs them again."
        error={[...errors.values()].join("; ") || undefined}
        disabled={false}
        replace={() => {
          setReplaces(true);
          set({ credentials: {} });
        }}
      />
    );
  }
  return (
    <Fieldset legend="Credentials" style={{ minWidth: 0 }}>
      <Text size="xs" c="dimmed" mb="xs">
        They are encrypted, and never shown again.
      </Text>
      <SchemaForm
        schema={schema}
        value={value ?? {}}
        onChange={(next) => set({ credentials: next })}
        errors={errors}
        name="the credentials"
        formOnly
      />
    </Fieldset>
  );
}
