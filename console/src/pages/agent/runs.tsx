/** The runs of one agent. */
import { Text } from "@mantine/core";
import { IconPlayerPlay } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import { ShowMore } from "~/shared/listing/listing";
import { RunLines } from "~/shared/run-lines";
import { Empty, Failure, Waiting } from "~/shared/states";

export function AgentRuns({ slug }: { slug: string }) {
  const found = useInfiniteQuery({
    queryKey: ["runs", "agent", slug],
    queryFn: ({ pageParam, signal }) =>
      ask(api.GET("/api/v1/agents/runs", { params: { query: { q: slug, limit: 50, cursor: pageParam } }, signal })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.nextCursor ?? undefined,
    refetchInterval: 10_000,
  });
  const runs = (found.data?.pages.flatMap((page) => page.runs) ?? []).filter((run) => run.definition.agent === slug);
  if (found.error && !found.data) return <Failure error={found.error} retry={() => void found.refetch()} />;
  if (found.isPending) return <Waiting />;
  if (runs.length === 0 && !found.hasNextPage) {
    return (
      <Empty icon={IconPlayerPlay} title="It has not run yet">
        Chat with it, or run it in an action or an automation as a step of the kind call_agent.
      </Empty>
    );
  }
  return (
    <>
      <Text size="sm" c="dimmed" mb="xs">
        The newest first, also those of chats.
      </Text>
      <RunLines runs={runs} />
      <ShowMore list={found} />
    </>
  );
}
