import { Group, Paper, Stack, Text } from "@mantine/core";
import { IconMessages } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import type { Thread, User } from "~/api/types";
import { useAddress } from "~/app/navigate";
import { textOf } from "~/app/search";
import { PageLink } from "~/shared/link";
import { ShowMore } from "~/shared/listing/listing";
import { SearchField } from "~/shared/listing/search-field";
import { counted } from "~/shared/numbers";
import { Page } from "~/shared/page";
import { nameOf } from "~/shared/people";
import { Empty, Failure, Waiting } from "~/shared/states";
import { Time } from "~/shared/time";
import { Begin } from "./begin";

export default function ThreadsPage() {
  const [search, change] = useAddress();
  const q = textOf(search.q) ?? "";
  const found = useInfiniteQuery({
    queryKey: ["threads", q],
    queryFn: ({ pageParam, signal }) =>
      ask(api.GET("/api/v1/chat/threads", { params: { query: { q, limit: 50, cursor: pageParam } }, signal })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.nextCursor ?? undefined,
    refetchInterval: 15_000,
  });
  const threads = found.data?.pages.flatMap((page) => page.threads) ?? [];
  const users = Object.assign({}, ...(found.data?.pages.map((page) => page.users) ?? [])) as Record<string, User>;
  return (
    <Page title="Chat">
      <Begin />
      {(threads.length > 0 || q) && (
        <SearchField label="Search chats" value={q} change={(text) => change({ q: text || undefined })} />
      )}
      {found.error && <Failure error={found.error} retry={() => void found.refetch()} />}
      {found.isPending && <Waiting />}
      {found.data && threads.length === 0 && (
        <Empty icon={IconMessages} title={q ? "No chat is called like this" : "No chat yet"}>
          {q
            ? "Try another word, or begin a new chat above."
            : "Ask something above. What the agent does for the answer are runs: you see each, and can make an automation of them."}
        </Empty>
      )}
      <Stack gap="xs" component="section" aria-label="Chats">
        {threads.map((thread) => (
          <Row key={thread.id} thread={thread} users={users} />
        ))}
      </Stack>
      <ShowMore list={found} />
    </Page>
  );
}

function Row({ thread, users }: { thread: Thread; users: Record<string, User> }) {
  const whose = thread.agent.name ?? thread.model ?? "default model";
  return (
    <Paper withBorder px="md" py="xs">
      <Group justify="space-between" wrap="nowrap" gap="md">
        <div style={{ minWidth: 0 }}>
          <PageLink to={`/chat/${thread.id}`} fw={600} truncate display="block">
            {thread.name}
          </PageLink>
          <Text size="xs" c="dimmed" truncate>
            {whose}
            {thread.createdBy && ` · ${nameOf(users[thread.createdBy])}`}
          </Text>
        </div>
        <Text size="xs" c="dimmed" component="div" ta="right" style={{ flex: "none" }}>
          {counted(thread.messages, "message")}
          <br />
          <Time at={thread.updatedAt} />
        </Text>
      </Group>
    </Paper>
  );
}
