/** What stands above a chat: its name, with whom, what it has cost, and what can be done with all of it. */
import { Button, Group, Modal, Stack, Text, TextInput, Title } from "@mantine/core";
import { IconDiamond, IconPencil, IconTrash } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, ask } from "~/api/client";
import type { Message, Thread } from "~/api/types";
import { useRefusal } from "~/app/me";
import { useGo } from "~/app/navigate";
import { queries } from "~/app/queries";
import { Confirm } from "~/shared/confirm";
import { LinkButton, PageLink } from "~/shared/link";
import { counted, dollars } from "~/shared/numbers";
import { tell, tellRefused } from "~/shared/tell";
import { useChange } from "./use-thread";

type Props = { thread: Thread; messages: Message[]; whole: boolean; answering: boolean };

export function Head({ thread, messages, whole, answering }: Props) {
  const [asked, setAsked] = useState<"rename" | "delete">();
  const refusal = useRefusal("operator");
  const { agent } = thread;
  return (
    <div>
      <Text size="sm" mb={4}>
        <PageLink to="/chat">Chat</PageLink>
      </Text>
      <Group justify="space-between" align="flex-start" gap="sm">
        <Title order={1} style={{ overflowWrap: "anywhere" }} maw="100%">
          {thread.name}
        </Title>
        <Group gap="xs">
          <LinkButton
            to={`/chat/${thread.id}/crystallize`}
            size="xs"
            variant="default"
            disabled={answering || messages.length === 0 || !!refusal}
            leftSection={<IconDiamond size={15} aria-hidden />}
            title={refusal ?? "Make an automation of what was done here"}
          >
            Crystallize
          </LinkButton>
          <Button
            size="xs"
            variant="default"
            px={8}
            aria-label="Rename"
            title={refusal ?? "Rename"}
            disabled={!!refusal}
            onClick={() => setAsked("rename")}
          >
            <IconPencil size={15} aria-hidden />
          </Button>
          <Button
            size="xs"
            variant="default"
            px={8}
            aria-label="Delete"
            title={refusal ?? "Delete"}
            disabled={!!refusal}
            onClick={() => setAsked("delete")}
          >
            <IconTrash size={15} aria-hidden />
          </Button>
        </Group>
      </Group>
      <Text size="sm" c="dimmed" component="div">
        {agent.name && agent.slug ? (
          <PageLink to={`/agents/${agent.id}`}>{agent.name}</PageLink>
        ) : (
          (thread.model ?? "default model")
        )}
        {thread.datasets.length > 0 && ` · reads ${thread.datasets.join(", ")}`}
        <Cost messages={messages} whole={whole} />
      </Text>
      {asked === "rename" && <Rename thread={thread} close={() => setAsked(undefined)} />}
      {asked === "delete" && <Delete thread={thread} close={() => setAsked(undefined)} />}
    </div>
  );
}

/** What the answers that are shown have cost. */
function Cost({ messages, whole }: { messages: Message[]; whole: boolean }) {
  const answers = messages.flatMap((message) => (message.answer?.tokens ? [message.answer] : []));
  if (answers.length === 0) return null;
  const tokens = answers.reduce((sum, each) => sum + (each.tokens ?? 0), 0);
  const known = answers.filter((each) => each.dollars !== null);
  const money = known.reduce((sum, each) => sum + (each.dollars ?? 0), 0);
  const of = whole ? "" : " (of the messages that are shown)";
  return (
    <>
      {" "}
      · {counted(tokens, "token")}
      {known.length > 0 && ` · ${dollars(money)}`}
      {known.length > 0 && known.length < answers.length && " and answers without a known price"}
      {of}
    </>
  );
}

function Rename({ thread, close }: { thread: Thread; close: () => void }) {
  const [name, setName] = useState(thread.name);
  const change = useChange(thread.id);
  const save = (event: FormEvent): void => {
    event.preventDefault();
    change.mutate({ name }, { onSuccess: close });
  };
  return (
    <Modal opened onClose={close} title="Rename this chat">
      <form onSubmit={save}>
        <Stack>
          <TextInput
            label="Name"
            data-autofocus
            value={name}
            maxLength={255}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              Leave it
            </Button>
            <Button type="submit" disabled={!name.trim()} loading={change.isPending}>
              Save
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function Delete({ thread, close }: { thread: Thread; close: () => void }) {
  const go = useGo();
  const remove = useMutation({
    mutationFn: () =>
      ask(api.DELETE("/api/v1/chat/threads/{thread_id}", { params: { path: { thread_id: thread.id } } })),
    onSuccess: () => {
      tell("Deleted.");
      go("/chat");
      void queries.invalidateQueries({ queryKey: ["threads"] });
    },
    onError: tellRefused,
  });
  return (
    <Confirm title="Delete this chat?" word="Delete" busy={remove.isPending} close={close} go={() => remove.mutate()}>
      An answer that is under way is cancelled. What its runs did stays in the lists of runs.
    </Confirm>
  );
}
