import { Group, Paper, Skeleton, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import { PageLink } from "~/shared/link";
import { Failure } from "~/shared/states";
import { Time } from "~/shared/time";

/** The automations whose schedules fire next. */
export function Schedules() {
  const { data, error, refetch } = useQuery({
    queryKey: ["home", "schedules"],
    queryFn: ({ signal }) => ask(api.GET("/api/v1/automations", { params: { query: { limit: 100 } }, signal })),
    refetchInterval: 15_000,
  });
  const due = (data?.automations ?? [])
    .flatMap((each) => (each.nextRunAt && each.status === "active" ? [{ ...each, at: each.nextRunAt }] : []))
    .sort((one, other) => (one.at < other.at ? -1 : 1))
    .slice(0, 6);
  return (
    <Paper withBorder p="md">
      <Title order={2} mb="xs">
        Schedules next
      </Title>
      {error && <Failure error={error} retry={() => void refetch()} />}
      {data && due.length === 0 && (
        <Text size="sm" c="dimmed">
          No automation has a schedule.
        </Text>
      )}
      <Stack gap={6}>
        {due.map((each) => (
          <Group key={each.id} justify="space-between" wrap="nowrap">
            <PageLink to="/runs" search={{ automation_id: each.id }} fz="sm" truncate>
              {each.name}
            </PageLink>
            <Text size="xs" c="dimmed" component="span" style={{ flex: "none" }}>
              <Time at={each.at} />
            </Text>
          </Group>
        ))}
      </Stack>
      {!data && !error && <Skeleton h={120} />}
    </Paper>
  );
}
