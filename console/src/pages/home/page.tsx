import { Anchor, Group, Paper, SimpleGrid, Skeleton, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { api, ask } from "~/api/client";
import type { RunQuery } from "~/api/types";
import type { Search } from "~/app/search";
import { PageLink } from "~/shared/link";
import { Page } from "~/shared/page";
import { RunLines } from "~/shared/run-lines";
import { Failure } from "~/shared/states";
import { Chart } from "./chart";
import { Schedules } from "./schedules";

const COUNT = new Intl.NumberFormat();
const DAY = 86_400_000;

export default function HomePage() {
  const [now] = useState(() => Date.now());
  const since = useMemo(() => new Date(Math.floor(now / 60_000) * 60_000 - DAY).toISOString(), [now]);
  return (
    <Page title="Home">
      <SimpleGrid cols={{ base: 2, md: 4 }}>
        <Count title="Running" query={{ status: ["running"] }} to="/runs" search={{ status: "running" }} />
        <Count title="Waiting" query={{ status: ["pending"] }} to="/runs" search={{ status: "pending" }} />
        <Count title="Waits for you" query={{ status: ["awaiting_approval"] }} to="/approvals" />
        <Count
          title="Failed, 24 hours"
          query={{ status: ["failed"], created_from: since }}
          to="/runs"
          search={{ status: "failed", since: "24h" }}
        />
      </SimpleGrid>
      <Chart />
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <Some title="Running now" query={{ status: ["running"] }} empty="Nothing runs." to={{ status: "running" }} />
        <Some
          title="Failed last"
          query={{ status: ["failed"] }}
          empty="Nothing has failed."
          to={{ status: "failed" }}
        />
        <Some
          title="Ended last"
          query={{ status: ["completed"] }}
          empty="Nothing has ended yet."
          to={{ status: "completed" }}
        />
        <Schedules />
      </SimpleGrid>
    </Page>
  );
}

function useRuns(query: RunQuery, limit: number) {
  const asked = { ...query, limit };
  return useQuery({
    queryKey: ["home", asked],
    queryFn: ({ signal }) => ask(api.GET("/api/v1/action-runs", { params: { query: asked }, signal })),
    refetchInterval: 5_000,
  });
}

function Count({ title, query, to, search }: { title: string; query: RunQuery; to: string; search?: Search }) {
  const { data, error } = useRuns(query, 6);
  return (
    <Paper withBorder p="md">
      <Text size="sm" c="dimmed">
        {title}
      </Text>
      {data ? (
        <Anchor
          component={PageLink}
          to={to}
          search={search}
          fz={30}
          fw={700}
          lh={1.2}
          aria-label={`${title}: ${data.total}`}
        >
          {COUNT.format(data.total)}
          {data.totalIsExact ? "" : "+"}
        </Anchor>
      ) : error ? (
        <Text fz={30} lh={1.2} title={String(error)}>
          ?
        </Text>
      ) : (
        <Skeleton h={36} w={60} />
      )}
    </Paper>
  );
}

function Some({ title, query, empty, to }: { title: string; query: RunQuery; empty: string; to: Search }) {
  const { data, error, refetch } = useRuns(query, 6);
  return (
    <Paper withBorder p="md">
      <Group justify="space-between" mb="xs">
        <Title order={2}>{title}</Title>
        <PageLink to="/runs" search={to} fz="sm" aria-label={`All of: ${title}`}>
          All
        </PageLink>
      </Group>
      {error && <Failure error={error} retry={() => void refetch()} />}
      {data && data.runs.length === 0 && (
        <Text size="sm" c="dimmed">
          {empty}
        </Text>
      )}
      {data && <RunLines runs={data.runs} />}
      {!data && !error && <Skeleton h={120} />}
    </Paper>
  );
}
