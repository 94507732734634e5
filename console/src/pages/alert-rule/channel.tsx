/** Where the messages of a rule go. What is secret goes in and never comes out. */
import { NativeSelect, NumberInput, PasswordInput, SimpleGrid, TagsInput, TextInput } from "@mantine/core";
import { CHANNELS } from "~/shared/alerts/alerts";
import { fieldOf } from "~/shared/problems";
import type { ChannelDraft, ChannelType } from "./draft";

type Props = { draft: ChannelDraft; change: (changes: Partial<ChannelDraft>) => void; error: unknown };

const TYPES = Object.entries(CHANNELS).map(([value, label]) => ({ value, label }));

export function ChannelFields({ draft, change, error }: Props) {
  return (
    <>
      <NativeSelect
        label="Channel"
        data={TYPES}
        value={draft.type}
        onChange={(event) => change({ type: event.currentTarget.value as ChannelType })}
        error={fieldOf(error, "channel")}
      />
      {draft.type === "email" ? <Email draft={draft} change={change} /> : <Address draft={draft} change={change} />}
    </>
  );
}

const ABOUT: Record<ChannelType, string> = {
  slack: "The address of an incoming webhook of Slack.",
  teams: "The address of an incoming webhook, best one of a workflow (Send webhook alerts to a channel).",
  webhook: "The address that gets JSON by POST.",
  email: "",
};

function Address({ draft, change }: Omit<Props, "error">) {
  return (
    <>
      <PasswordInput
        label="Address"
        description={`${ABOUT[draft.type]} It is not shown again.`}
        placeholder="https://…"
        required
        autoComplete="off"
        value={draft.url}
        onChange={(event) => change({ url: event.currentTarget.value })}
      />
      {draft.type === "webhook" && (
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          <PasswordInput
            label="Signing secret"
            description="whsec_… signs each message (Standard Webhooks)."
            autoComplete="off"
            value={draft.signingSecret}
            onChange={(event) => change({ signingSecret: event.currentTarget.value })}
          />
          <PasswordInput
            label="Authorization"
            description="The header of this name, such as Bearer …"
            autoComplete="off"
            value={draft.authorization}
            onChange={(event) => change({ authorization: event.currentTarget.value })}
          />
        </SimpleGrid>
      )}
    </>
  );
}

const SECURITY = [
  { value: "starttls", label: "STARTTLS (port 587)" },
  { value: "tls", label: "TLS (port 465)" },
  { value: "none", label: "none (without a password only)" },
];

function Email({ draft, change }: Omit<Props, "error">) {
  return (
    <>
      <TagsInput
        label="To"
        description="Addresses, with Enter after each; 50 at most."
        required
        maxTags={50}
        acceptValueOnBlur
        value={draft.recipients}
        onChange={(recipients) => change({ recipients })}
      />
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <TextInput
          label="From"
          required
          placeholder="vai@example.com"
          value={draft.sender}
          onChange={(event) => change({ sender: event.currentTarget.value })}
        />
        <TextInput
          label="Mail server"
          required
          placeholder="smtp.example.com"
          value={draft.host}
          onChange={(event) => change({ host: event.currentTarget.value })}
        />
        <NativeSelect
          label="Encryption"
          data={SECURITY}
          value={draft.security}
          onChange={(event) => {
            const security = event.currentTarget.value as ChannelDraft["security"];
            change({ security, ...(security === "tls" ? { port: 465 } : {}) });
          }}
        />
        <NumberInput label="Port" min={1} max={65_535} value={draft.port} onChange={(port) => change({ port })} />
        <TextInput
          label="User name"
          autoComplete="off"
          value={draft.username}
          onChange={(event) => change({ username: event.currentTarget.value })}
        />
        <PasswordInput
          label="Password"
          autoComplete="new-password"
          value={draft.password}
          onChange={(event) => change({ password: event.currentTarget.value })}
        />
      </SimpleGrid>
    </>
  );
}
