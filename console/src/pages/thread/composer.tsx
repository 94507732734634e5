/** Where one writes: Enter sends, Shift and Enter begins a line. What is typed stays until it has been taken. */
import { Alert, Button, CloseButton, Group, Stack, Text, Textarea } from "@mantine/core";
import { IconPlayerStop, IconSend } from "@tabler/icons-react";
import { useRef, useState } from "react";
import { messageOf, Problem } from "~/api/problem";
import type { Message } from "~/api/types";
import classes from "./thread.module.css";
import { usePost, useStop } from "./use-thread";

type Props = {
  id: string;
  answering: boolean;
  refusal: string | undefined;
  behind: Message | undefined;
  forget: () => void;
};

const place = (id: string): string => `vai-draft-${id}`;

/** A key by which the API knows a repeat; `crypto.randomUUID` is not there over plain http. */
function freshKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function Composer({ id, answering, refusal, behind, forget }: Props) {
  const [text, setText] = useState(() => sessionStorage.getItem(place(id)) ?? "");
  const key = useRef(freshKey());
  const post = usePost(id);
  const stop = useStop(id);
  const write = (value: string): void => {
    setText(value);
    key.current = freshKey();
    sessionStorage.setItem(place(id), value);
  };
  const send = (): void => {
    if (!text.trim() || post.isPending || answering || refusal) return;
    const body = { text, idempotencyKey: key.current, ...(behind ? { after: behind.id } : {}) };
    post.mutate(body, {
      onSuccess: () => {
        write("");
        forget();
      },
    });
  };
  return (
    <div className={classes.composer}>
      <Stack gap={6}>
        {post.error && (
          <Alert color="red" role="alert" title={messageOf(post.error)} withCloseButton onClose={() => post.reset()}>
            Your text is kept{post.error instanceof Problem && post.error.status === 0 ? "; send it again" : ""}.
          </Alert>
        )}
        {behind && (
          <Group gap={4}>
            <Text size="xs" c="dimmed" truncate maw="80%">
              Goes on behind “{behind.text.slice(0, 80)}”, beside what followed it
            </Text>
            <CloseButton size="xs" aria-label="Go on at the end instead" onClick={forget} />
          </Group>
        )}
        <Group gap="xs" align="flex-end" wrap="nowrap">
          <Textarea
            style={{ flex: 1 }}
            aria-label="Message"
            placeholder={refusal ?? "Write a message"}
            disabled={refusal !== undefined}
            autosize
            minRows={1}
            maxRows={10}
            maxLength={50_000}
            value={text}
            onChange={(event) => write(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
                event.preventDefault();
                send();
              }
            }}
          />
          {answering ? (
            <Button
              variant="default"
              leftSection={<IconPlayerStop size={16} aria-hidden />}
              loading={stop.isPending}
              disabled={refusal !== undefined}
              onClick={() => stop.mutate()}
            >
              Stop
            </Button>
          ) : (
            <Button
              leftSection={<IconSend size={16} aria-hidden />}
              loading={post.isPending}
              disabled={!text.trim() || refusal !== undefined}
              title={refusal}
              onClick={send}
            >
              Send
            </Button>
          )}
        </Group>
      </Stack>
    </div>
  );
}
