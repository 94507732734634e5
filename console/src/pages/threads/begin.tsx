/** A new chat: with whom, and the first message. */
import { Alert, Button, Group, Paper, Select, Stack, Text, Textarea } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { api, ask } from "~/api/client";
import { messageOf } from "~/api/problem";
import type { Thread } from "~/api/types";
import { useRefusal } from "~/app/me";
import { useAddress, useGo } from "~/app/navigate";
import { queries } from "~/app/queries";
import { textOf } from "~/app/search";
import { PageLink } from "~/shared/link";

const DEFAULT = "";

/** Agents, then models without instructions and tools. */
function useChoices() {
  const agents = useQuery({
    queryKey: ["agents", "names"],
    queryFn: ({ signal }) => ask(api.GET("/api/v1/agents", { params: { query: { limit: 100 } }, signal })),
    staleTime: 60_000,
  });
  const models = useQuery({
    queryKey: ["models"],
    queryFn: ({ signal }) => ask(api.GET("/api/v1/models", { signal })),
    staleTime: 60_000,
  });
  const usable = models.data?.models.filter((model) => model.allowed) ?? [];
  const none = models.data && usable.length === 0 && models.data.connections.length === 0;
  const standard = models.data?.default;
  return {
    none,
    loaded: agents.isFetched && models.isFetched,
    groups: [
      {
        group: "Agents",
        items: (agents.data?.agents ?? []).map((each) => ({ value: `agent:${each.slug}`, label: each.name })),
      },
      {
        group: "Models, without tools",
        items: [
          ...(standard ? [{ value: DEFAULT, label: `Default (${standard})` }] : []),
          ...usable.slice(0, 200).map((each) => ({ value: `model:${each.name}`, label: each.name })),
        ],
      },
    ].filter((group) => group.items.length > 0),
  };
}

export function Begin() {
  const [search] = useAddress();
  const refusal = useRefusal("operator");
  const choices = useChoices();
  const asked = textOf(search.agent);
  const [chosen, setChosen] = useState<string | null>(asked ? `agent:${asked}` : null);
  const [text, setText] = useState("");
  const made = useRef<{ whom: string; thread: Thread } | undefined>(undefined);
  const go = useGo();
  const first = choices.groups[0]?.items[0]?.value ?? DEFAULT;
  const whom = chosen ?? first;
  const begin = useMutation({
    mutationFn: async () => {
      const [what, name] = [whom.slice(0, whom.indexOf(":")), whom.slice(whom.indexOf(":") + 1)];
      const body = what === "agent" ? { agent: name } : what === "model" ? { model: name } : {};
      // A thread whose first message was refused is used again, so that none stays empty.
      if (made.current?.whom !== whom)
        made.current = { whom, thread: await ask(api.POST("/api/v1/chat/threads", { body })) };
      const { thread } = made.current;
      const params = { path: { thread_id: thread.id } };
      await ask(api.POST("/api/v1/chat/threads/{thread_id}/messages", { params, body: { text } }));
      return thread;
    },
    onSuccess: (thread) => {
      void queries.invalidateQueries({ queryKey: ["threads"] });
      go(`/chat/${thread.id}`);
    },
  });
  const send = (): void => {
    if (text.trim() && choices.loaded && !begin.isPending && !refusal) begin.mutate();
  };
  return (
    <Paper withBorder p="md">
      <Stack gap="sm">
        {choices.none && (
          <Text size="sm" c="dimmed">
            No language model is connected yet. An administrator connects one as a connection, of the provider openai,
            anthropic or openai_compatible.
          </Text>
        )}
        <Textarea
          aria-label="First message"
          placeholder="Ask something"
          autosize
          minRows={2}
          maxRows={12}
          maxLength={50_000}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
              event.preventDefault();
              send();
            }
          }}
        />
        {begin.error && (
          <Alert color="red" role="alert" title={messageOf(begin.error)}>
            Your text is kept.
          </Alert>
        )}
        <Group justify="space-between" gap="sm">
          <Group gap="sm">
            <Select
              aria-label="With whom"
              data={choices.groups}
              value={whom}
              onChange={(value) => setChosen(value ?? DEFAULT)}
              searchable
              allowDeselect={false}
              disabled={!choices.loaded}
              nothingFoundMessage="None is called like this"
              w={300}
              maw="100%"
            />
            <PageLink to="/agents" size="sm">
              All agents
            </PageLink>
          </Group>
          <Button
            onClick={send}
            loading={begin.isPending}
            disabled={!text.trim() || !choices.loaded || refusal !== undefined}
            title={refusal}
          >
            Begin
          </Button>
        </Group>
      </Stack>
    </Paper>
  );
}
