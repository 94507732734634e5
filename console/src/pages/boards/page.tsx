import { Group, Paper, Stack, Text } from "@mantine/core";
import { IconLayoutDashboard } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import type { Flashboard } from "~/api/types";
import { useAddress } from "~/app/navigate";
import { textOf } from "~/app/search";
import { PageLink } from "~/shared/link";
import { ShowMore } from "~/shared/listing/listing";
import { SearchField } from "~/shared/listing/search-field";
import { counted } from "~/shared/numbers";
import { OpenBoard } from "~/shared/open-board";
import { Page } from "~/shared/page";
import { Empty, Failure, Waiting } from "~/shared/states";
import { StatusBadge } from "~/shared/status";
import { Time } from "~/shared/time";
import { AskBoard } from "./ask-board";

export default function BoardsPage() {
  const [search, change] = useAddress();
  const q = textOf(search.q) ?? "";
  const found = useInfiniteQuery({
    queryKey: ["boards", q],
    queryFn: ({ pageParam, signal }) =>
      ask(api.GET("/api/v1/flashboards", { params: { query: { q, limit: 50, offset: pageParam } }, signal })),
    initialPageParam: 0,
    getNextPageParam: (last) => (last.hasNext ? last.offset + last.limit : undefined),
    refetchInterval: 15_000,
  });
  const boards = found.data?.pages.flatMap((page) => page.flashboards) ?? [];
  return (
    <Page title="Flashboards">
      <AskBoard />
      {(boards.length > 0 || q) && (
        <SearchField label="Search flashboards" value={q} change={(text) => change({ q: text || undefined })} />
      )}
      {found.error && <Failure error={found.error} retry={() => void found.refetch()} />}
      {found.isPending && <Waiting />}
      {found.data && boards.length === 0 && (
        <Empty icon={IconLayoutDashboard} title={q ? "No flashboard is called like this" : "No flashboard yet"}>
          {q
            ? "Try another word."
            : "A flashboard is a page of numbers, charts and tables over datasets. Ask a question above, or make the first tile from a query on the page Query."}
        </Empty>
      )}
      <Stack gap="xs" component="section" aria-label="Flashboards">
        {boards.map((board) => (
          <Row key={board.id} board={board} />
        ))}
      </Stack>
      <ShowMore list={found} />
    </Page>
  );
}

function Row({ board }: { board: Flashboard }) {
  return (
    <Paper withBorder px="md" py="xs">
      <Group justify="space-between" wrap="nowrap" gap="md">
        <div style={{ minWidth: 0 }}>
          <PageLink to={`/boards/${board.slug}`} fw={600} truncate display="block">
            {board.title}
          </PageLink>
          <Text size="xs" c="dimmed" component="div">
            {counted(board.tileCount, "tile")}
            {board.version !== null && ` · version ${board.version}`}
            {board.versionCreatedAt && " · "}
            {board.versionCreatedAt && <Time at={board.versionCreatedAt} />}
          </Text>
          {board.description && (
            <Text size="sm" lineClamp={2} style={{ overflowWrap: "anywhere" }}>
              {board.description}
            </Text>
          )}
        </div>
        <Group gap="sm" wrap="nowrap" style={{ flex: "none" }}>
          {board.lastRun && board.lastRun.status !== "completed" && <StatusBadge status={board.lastRun.status} />}
          <OpenBoard board={board} size="xs" />
        </Group>
      </Group>
    </Paper>
  );
}
