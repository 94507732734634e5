/** A message of a person, with its other versions, and what can be done about it. */
import { ActionIcon, Button, Group, Stack, Text, Textarea, Tooltip, VisuallyHidden } from "@mantine/core";
import { IconArrowFork, IconChevronLeft, IconChevronRight, IconPencil, IconRefresh } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import type { Message, User } from "~/api/types";
import { nameOf } from "~/shared/people";
import { Time } from "~/shared/time";
import { Answer } from "./answer";
import classes from "./thread.module.css";

export type Doing = {
  /** Why nothing can be posted now; nothing where it can. */
  refusal: string | undefined;
  replace: (message: Message, text?: string) => Promise<unknown>;
  branch: (message: Message) => void;
  show: (head: string) => void;
};

type Props = { message: Message; users: Record<string, User>; near: boolean; doing: Doing };

export function Said({ message, users, near, doing }: Props) {
  const [edits, setEdits] = useState(false);
  const again = doing.refusal ? undefined : () => void doing.replace(message);
  return (
    <Stack gap="sm" component="article" aria-label={`Message ${message.place}`}>
      {edits ? (
        <Edit message={message} doing={doing} close={() => setEdits(false)} />
      ) : (
        <>
          <div className={classes.said}>{message.text}</div>
          <Group justify="flex-end" gap={4}>
            <Text size="xs" c="dimmed" mr={4}>
              {message.createdBy ? `${nameOf(users[message.createdBy])} · ` : ""}
              <Time at={message.createdAt} />
            </Text>
            <Versions message={message} show={doing.show} />
            <Small label="Edit" refusal={doing.refusal} press={() => setEdits(true)}>
              <IconPencil size={15} aria-hidden />
            </Small>
            <Small label="Answer again" refusal={doing.refusal} press={() => again?.()}>
              <IconRefresh size={15} aria-hidden />
            </Small>
            <Small label="Go on from here" refusal={doing.refusal} press={() => doing.branch(message)}>
              <IconArrowFork size={15} aria-hidden />
            </Small>
          </Group>
        </>
      )}
      <Answer message={message} near={near} again={again} />
    </Stack>
  );
}

type SmallProps = { label: string; refusal: string | undefined; press: () => void; children: ReactNode };

function Small({ label, refusal, press, children }: SmallProps) {
  return (
    <Tooltip label={refusal ?? label}>
      <ActionIcon variant="subtle" color="gray" size="sm" aria-label={label} disabled={!!refusal} onClick={press}>
        {children}
      </ActionIcon>
    </Tooltip>
  );
}

/** ‹ 2 of 3 ›: the messages that have been in this place. */
function Versions({ message, show }: { message: Message; show: (head: string) => void }) {
  const { versions } = message;
  if (versions.length < 2) return null;
  const at = versions.indexOf(message.id);
  const to = (index: number): void => {
    const id = versions[index];
    if (id) show(id);
  };
  return (
    <Group gap={2} role="group" aria-label="Versions of this message">
      <ActionIcon
        variant="subtle"
        color="gray"
        size="sm"
        aria-label="Version before"
        disabled={at === 0}
        onClick={() => to(at - 1)}
      >
        <IconChevronLeft size={15} aria-hidden />
      </ActionIcon>
      <Text size="xs" c="dimmed">
        <VisuallyHidden>Version </VisuallyHidden>
        {at + 1} of {versions.length}
      </Text>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="sm"
        aria-label="Next version"
        disabled={at === versions.length - 1}
        onClick={() => to(at + 1)}
      >
        <IconChevronRight size={15} aria-hidden />
      </ActionIcon>
    </Group>
  );
}

function Edit({ message, doing, close }: { message: Message; doing: Doing; close: () => void }) {
  const [text, setText] = useState(message.text);
  const [busy, setBusy] = useState(false);
  const send = (): void => {
    setBusy(true);
    doing
      .replace(message, text)
      .then(close)
      .catch(() => undefined) // it was told; the text stays
      .finally(() => setBusy(false));
  };
  return (
    <Stack gap="xs">
      <Textarea
        aria-label="The message in other words"
        description="What followed stays as another version of this place."
        autosize
        minRows={2}
        maxRows={14}
        maxLength={50_000}
        value={text}
        data-autofocus
        autoFocus
        onChange={(event) => setText(event.currentTarget.value)}
      />
      <Group justify="flex-end" gap="xs">
        <Button size="xs" variant="default" onClick={close}>
          Leave it
        </Button>
        <Button
          size="xs"
          loading={busy}
          disabled={!text.trim() || !!doing.refusal}
          title={doing.refusal}
          onClick={send}
        >
          Send
        </Button>
      </Group>
    </Stack>
  );
}
