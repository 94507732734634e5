import { Button, Group, Paper, Stack, Text } from "@mantine/core";
import { IconPlayerPlay } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import { PageLink } from "~/shared/link";
import { Empty, Failure, Waiting } from "~/shared/states";
import { StatusBadge } from "~/shared/status";
import { Lasting, Time } from "~/shared/time";

const PAGE = 25;

/** The runs of one automation, newest first. */
export function Runs({ id }: { id: string }) {
  const list = useInfiniteQuery({
    queryKey: ["automation-runs", "of", id],
    queryFn: ({ pageParam, signal }) =>
      ask(
        api.GET("/api/v1/automation-runs", {
          params: { query: { automation_id: id, limit: PAGE, offset: pageParam } },
          signal,
        }),
      ),
    initialPageParam: 0,
    getNextPageParam: (last) => (last.hasNext ? last.offset + last.limit : undefined),
    refetchInterval: (state) => ((state.state.data?.pages.length ?? 1) === 1 ? 5_000 : false),
  });
  if (list.error && !list.data) return <Failure error={list.error} retry={() => void list.refetch()} />;
  if (!list.data) return <Waiting />;
  const pages = list.data.pages;
  const runs = [...new Map(pages.flatMap((page) => page.automationRuns).map((run) => [run.runId, run])).values()];
  const users = Object.assign({}, ...pages.map((page) => page.users)) as (typeof pages)[0]["users"];
  if (!runs.length) {
    return (
      <Empty icon={IconPlayerPlay} title="It has not run yet">
        Press Start now. It shows here at once.
      </Empty>
    );
  }
  return (
    <Stack gap="xs">
      {runs.map((run) => {
        const person = run.createdBy ? users[run.createdBy] : undefined;
        return (
          <Paper key={run.runId} withBorder px="sm" py={8}>
            <Group gap="sm">
              <StatusBadge status={run.displayStatus} />
              <PageLink to={`/automation-runs/${run.runId}`} size="sm" fw={550}>
                <Time at={run.createdAt} as="day" />
              </PageLink>
              <Text size="xs" c="dimmed">
                {[run.triggeredBy, person && [person.firstName, person.lastName].filter(Boolean).join(" ")]
                  .filter(Boolean)
                  .join(" · ")}
                {run.retryOf && " · retry"}
              </Text>
              {run.reason && (
                <Text size="xs" c="dimmed" lineClamp={1} maw={420}>
                  {run.reason}
                </Text>
              )}
              <Text size="xs" c="dimmed" ml="auto">
                {run.startedAt && <Lasting from={run.startedAt} to={run.completedAt} />}
                {!run.startedAt && run.displayStatus === "scheduled" && run.scheduledFor && (
                  <>
                    starts <Time at={run.scheduledFor} as="day" />
                  </>
                )}
                {!run.startedAt && run.displayStatus !== "scheduled" && "not started"}
              </Text>
            </Group>
          </Paper>
        );
      })}
      {list.hasNextPage && (
        <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          Show more
        </Button>
      )}
    </Stack>
  );
}
