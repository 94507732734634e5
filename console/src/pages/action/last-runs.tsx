import { Group, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import { PageLink } from "~/shared/link";
import { RunLines } from "~/shared/run-lines";
import { Failure } from "~/shared/states";

/** The newest runs of an action. */
export function LastRuns({ id }: { id: string }) {
  const { data, error } = useQuery({
    queryKey: ["runs", "of-action", id],
    queryFn: ({ signal }) =>
      ask(api.GET("/api/v1/action-runs", { params: { query: { action_id: id, limit: 10 } }, signal })),
    refetchInterval: 5_000,
  });
  return (
    <Stack gap="xs">
      <Group justify="space-between">
        <Title order={2}>Last runs</Title>
        {data && data.runs.length > 0 && (
          <PageLink to="/runs" search={{ action_id: id }} size="sm">
            All its runs
          </PageLink>
        )}
      </Group>
      {error && <Failure error={error} />}
      {data?.runs.length === 0 && (
        <Text size="sm" c="dimmed">
          It has not run yet. Run now starts it.
        </Text>
      )}
      {data && data.runs.length > 0 && <RunLines runs={data.runs} />}
    </Stack>
  );
}
