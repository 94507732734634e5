import { Button, Stack, Text, VisuallyHidden } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { useEffect, useRef, useState } from "react";
import type { Message, Thread } from "~/api/types";
import { useRefusal } from "~/app/me";
import { usePart } from "~/app/navigate";
import { Failure, Waiting } from "~/shared/states";
import { tellRefused } from "~/shared/tell";
import { Composer } from "./composer";
import { Head } from "./head";
import { type Doing, Said } from "./messages";
import classes from "./thread.module.css";
import { endOf, isAnswered, leaveBranch, useChange, useMessages, usePost, useThread } from "./use-thread";

/** Of so many messages at the end the calls are shown without asking. */
const NEAR = 6;

export default function ThreadPage() {
  const id = usePart("id");
  const found = useThread(id);
  if (found.error && !found.data) return <Failure error={found.error} retry={() => void found.refetch()} />;
  if (!found.data) return <Waiting />;
  return <Shown key={id} thread={found.data} />;
}

function Shown({ thread }: { thread: Thread }) {
  useDocumentTitle(`${thread.name} · Chat · VAI`);
  const [behind, setBehind] = useState<Message>();
  const line = useMessages(thread.id, thread.head);
  const post = usePost(thread.id);
  const change = useChange(thread.id);
  const role = useRefusal("operator");
  const answering = line.messages.some(isAnswered);
  const end = useEnd(line.messages.length);
  const doing: Doing = {
    refusal: role ?? (answering ? "An answer is under way: wait for its end, or stop it." : undefined),
    replace: (message, text) => {
      leaveBranch(line.messages, thread.head);
      return post.mutateAsync({ replaces: message.id, text }, { onError: tellRefused });
    },
    branch: (message) => {
      leaveBranch(line.messages, thread.head);
      setBehind(message);
      document.querySelector<HTMLTextAreaElement>('textarea[aria-label="Message"]')?.focus();
    },
    show: (head) => {
      leaveBranch(line.messages, thread.head);
      change.mutate({ head: endOf(head) });
    },
  };
  return (
    <div className={classes.thread}>
      <Stack gap="lg">
        <Head thread={thread} messages={line.messages} whole={!line.hasNextPage} answering={answering} />
        {line.error && <Failure error={line.error} retry={() => void line.refetch()} />}
        {line.isPending && <Waiting />}
        {line.hasNextPage && (
          <Button
            variant="default"
            size="xs"
            loading={line.isFetchingNextPage}
            onClick={() => void line.fetchNextPage()}
          >
            Show earlier messages
          </Button>
        )}
        {line.data && line.messages.length === 0 && (
          <Text c="dimmed" ta="center">
            Nothing has been said yet. Write the first message below.
          </Text>
        )}
        <Stack gap="xl" component="section" aria-label="Messages">
          {line.messages.map((message, index) => (
            <Said
              key={message.id}
              message={message}
              users={line.users}
              near={index >= line.messages.length - NEAR}
              doing={doing}
            />
          ))}
        </Stack>
        <VisuallyHidden role="status">{answering ? "Answering" : "Ready"}</VisuallyHidden>
        <div ref={end} />
      </Stack>
      <Composer
        id={thread.id}
        answering={answering}
        refusal={role}
        behind={behind}
        forget={() => setBehind(undefined)}
      />
    </div>
  );
}

/** Keeps the end in view while text comes, unless the reader has scrolled away from it. */
function useEnd(count: number) {
  const end = useRef<HTMLDivElement>(null);
  const near = useRef(true);
  useEffect(() => {
    const page = document.documentElement;
    const noted = (): void => {
      near.current = page.scrollHeight - page.scrollTop - page.clientHeight < 160;
    };
    const grown = new ResizeObserver(() => {
      if (near.current) page.scrollTop = page.scrollHeight;
    });
    grown.observe(end.current?.parentElement as Element);
    window.addEventListener("scroll", noted, { passive: true });
    return () => {
      grown.disconnect();
      window.removeEventListener("scroll", noted);
    };
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new message is gone to wherever the reader is
  useEffect(() => {
    near.current = true;
  }, [count]);
  return end;
}
