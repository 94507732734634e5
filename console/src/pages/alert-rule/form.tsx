/** The form of an alert rule: what it tells, of what, where and how often. */
import {
  Alert,
  Button,
  Checkbox,
  Group,
  MultiSelect,
  NumberInput,
  Paper,
  SimpleGrid,
  Stack,
  Switch,
  TagsInput,
  Text,
  TextInput,
} from "@mantine/core";
import type { FormEvent, ReactNode } from "react";
import { messageOf } from "~/api/problem";
import { TOLD, type What } from "~/shared/alerts/alerts";
import { fieldOf } from "~/shared/problems";
import { KINDS, kindName } from "~/shared/runs";
import { ChannelFields } from "./channel";
import { type Draft, wrongLabel } from "./draft";
import { ACTIONS, AUTOMATIONS, NamedSelect } from "./named";

type Props = {
  draft: Draft;
  change: (changes: Partial<Draft>) => void;
  /** What stands instead of the channel's fields while a rule keeps its channel. */
  kept?: ReactNode;
  word: string;
  busy: boolean;
  error: unknown;
  refusal: string | undefined;
  save: () => void;
};

export function RuleForm({ draft, change, kept, word, busy, error, refusal, save }: Props) {
  const wrong = wrongLabel(draft);
  const send = (event: FormEvent): void => {
    event.preventDefault();
    save();
  };
  const { channel } = draft;
  return (
    <Stack component="form" onSubmit={send} aria-label="Alert rule" maw={820}>
      <Section title="What is told">
        <TextInput
          label="Name"
          required
          maxLength={200}
          value={draft.name}
          onChange={(event) => change({ name: event.currentTarget.value })}
          error={fieldOf(error, "name")}
        />
        <Checkbox.Group
          label="Tell when"
          value={draft.tells}
          onChange={(tells) => change({ tells: tells as What[] })}
          error={draft.tells.length ? fieldOf(error, "tells") : "Choose at least one."}
        >
          <Stack gap="xs" mt={6}>
            {TOLD.map(({ value, label, about }) => (
              <Checkbox key={value} value={value} label={label} description={about} />
            ))}
          </Stack>
        </Checkbox.Group>
        {draft.tells.includes("late") && (
          <NumberInput
            label="Late after"
            description="Minutes since it was made, or since its own time."
            suffix=" min"
            min={1}
            max={43_200}
            required
            maw={260}
            value={draft.lateMinutes}
            onChange={(lateMinutes) => change({ lateMinutes })}
            error={fieldOf(error, "lateSeconds")}
          />
        )}
      </Section>
      <OfWhat draft={draft} change={change} error={error} />
      <Section title="Where">
        {channel ? (
          <ChannelFields
            draft={channel}
            change={(changes) => change({ channel: { ...channel, ...changes } })}
            error={error}
          />
        ) : (
          kept
        )}
      </Section>
      <Section title="How often">
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          <NumberInput
            label="Gather for"
            description="What comes so soon after the first is in the same message."
            suffix=" s"
            min={0}
            max={3_600}
            value={draft.gatherSeconds}
            onChange={(gatherSeconds) => change({ gatherSeconds })}
            error={fieldOf(error, "gatherSeconds")}
          />
          <NumberInput
            label="Then pause for"
            description="At least so long between two messages."
            suffix=" s"
            min={0}
            max={86_400}
            value={draft.pauseSeconds}
            onChange={(pauseSeconds) => change({ pauseSeconds })}
            error={fieldOf(error, "pauseSeconds")}
          />
        </SimpleGrid>
        <Switch
          label="Active"
          description="A paused rule tells nothing. What it has gathered and not sent is given up."
          checked={draft.isActive}
          onChange={(event) => change({ isActive: event.currentTarget.checked })}
        />
      </Section>
      {error !== null && error !== undefined && <Alert color="red" role="alert" title={messageOf(error)} />}
      <Group>
        <Button
          type="submit"
          loading={busy}
          disabled={refusal !== undefined || !draft.name.trim() || draft.tells.length === 0 || wrong !== undefined}
          title={refusal}
        >
          {word}
        </Button>
        {refusal && (
          <Text size="sm" c="dimmed">
            {refusal}
          </Text>
        )}
      </Group>
    </Stack>
  );
}

function OfWhat({ draft, change, error }: Pick<Props, "draft" | "change" | "error">) {
  const wrong = wrongLabel(draft);
  return (
    <Section title="Of what" about="All of these must fit. Where nothing is chosen, everything fits.">
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <MultiSelect
          label="Kinds"
          placeholder={draft.kinds.length ? undefined : "any"}
          searchable
          clearable
          clearButtonProps={{ "aria-label": "Any kind" }}
          data={KINDS.map((value) => ({ value, label: kindName(value) }))}
          value={draft.kinds}
          onChange={(kinds) => change({ kinds })}
        />
        <NamedSelect label="Actions" of={ACTIONS} value={draft.actions} change={(actions) => change({ actions })} />
        <NamedSelect
          label="Automations and their steps"
          of={AUTOMATIONS}
          value={draft.automations}
          change={(automations) => change({ automations })}
        />
        <TagsInput
          label="Labels"
          placeholder={draft.labels.length ? undefined : "team=finance"}
          acceptValueOnBlur
          value={draft.labels}
          onChange={(labels) => change({ labels })}
          error={wrong && `${wrong}: write it as name=value`}
        />
      </SimpleGrid>
      {fieldOf(error, "filters") && (
        <Text size="sm" c="red" role="alert">
          {fieldOf(error, "filters")}
        </Text>
      )}
    </Section>
  );
}

function Section({ title, about, children }: { title: string; about?: string; children: ReactNode }) {
  return (
    <Paper withBorder p="md" component="section" aria-label={title}>
      <Stack gap="sm">
        <div>
          <Text fw={600}>{title}</Text>
          {about && (
            <Text size="sm" c="dimmed">
              {about}
            </Text>
          )}
        </div>
        {children}
      </Stack>
    </Paper>
  );
}
