import { Anchor, Group, Stack, Tabs, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { follow } from "~/api/stream";
import type { Run } from "~/api/types";
import { useAddress, usePart } from "~/app/navigate";
import { queries } from "~/app/queries";
import { textOf } from "~/app/search";
import { Copied, type Fact, Facts } from "~/shared/facts";
import { Json } from "~/shared/json";
import { PageLink } from "~/shared/link";
import { runOptions } from "~/shared/run-queries";
import { kindName, subjectOf, useNames } from "~/shared/runs";
import { Failure, Waiting } from "~/shared/states";
import { isLive, StatusBadge, whyOf } from "~/shared/status";
import { Lasting, Time } from "~/shared/time";
import { Attempts } from "./attempts";
import { Buttons } from "./buttons";
import { ErrorBox } from "./error-box";
import { Log } from "./log";
import { Progress } from "./progress";
import { Related } from "./related";
import { Result } from "./result";

export default function RunPage() {
  const id = usePart("id");
  const found = useRun(id);
  if (found.error && !found.data) return <Failure error={found.error} retry={() => void found.refetch()} />;
  if (!found.data) return <Waiting />;
  return <Shown key={id} run={found.data} />;
}

/** The run, live: the stream of changes tells each, and a question now and then makes sure. */
function useRun(id: string) {
  const found = useQuery({
    ...runOptions(id),
    refetchInterval: (query) => (query.state.data && isLive(query.state.data.status) ? 5_000 : false),
  });
  const live = found.data ? isLive(found.data.status) : false;
  const { kind, createdAt } = found.data ?? {};
  useEffect(() => {
    if (!live || !kind || !createdAt) return;
    // The narrowest filters that this run matches; others of the same moment are passed over.
    const until = new Date(new Date(createdAt).getTime() + 1_000).toISOString();
    const asked = new URLSearchParams({ kind, created_from: createdAt, created_until: until });
    const again = (): void => void queries.invalidateQueries({ queryKey: ["run", id] });
    return follow(() => `/api/v1/action-runs/stream?${asked}`, {
      run: (run) => (run as Run).id === id && again(),
      reset: again,
    });
  }, [id, live, kind, createdAt]);
  return found;
}

function Shown({ run }: { run: Run }) {
  const [search, change] = useAddress();
  const { actions } = useNames();
  const name = run.actionId ? actions.get(run.actionId) : undefined;
  const title = name ?? (subjectOf(run) || kindName(run.kind));
  useDocumentTitle(`${title} · Run · VAI`);
  const tab = textOf(search.tab) ?? "log";
  return (
    <Stack gap="md">
      <div>
        <Text size="sm" mb={4}>
          <PageLink to="/runs">Runs</PageLink>
        </Text>
        <Group justify="space-between" gap="sm" align="flex-start">
          <Group gap="sm" miw={0} maw="100%">
            <Title order={1} style={{ overflowWrap: "anywhere" }}>
              {title}
            </Title>
            <StatusBadge status={run.displayStatus} size="lg" />
          </Group>
          <Buttons run={run} />
        </Group>
        <Why run={run} />
      </div>
      <About run={run} name={name} />
      {run.error && <ErrorBox run={run} />}
      <Progress run={run} />
      <Tabs
        value={tab}
        onChange={(value) => change({ tab: value === "log" ? undefined : (value ?? undefined) })}
        keepMounted={false}
      >
        <Tabs.List mb="sm">
          <Tabs.Tab value="log">Log</Tabs.Tab>
          <Tabs.Tab value="result">Result</Tabs.Tab>
          <Tabs.Tab value="attempts">Timeline</Tabs.Tab>
          <Tabs.Tab value="related">Related</Tabs.Tab>
          <Tabs.Tab value="definition">Definition</Tabs.Tab>
          <Tabs.Tab value="json">JSON</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="log">
          <Log run={run} />
        </Tabs.Panel>
        <Tabs.Panel value="result">
          <Result run={run} />
        </Tabs.Panel>
        <Tabs.Panel value="attempts">
          <Attempts run={run} />
        </Tabs.Panel>
        <Tabs.Panel value="related">
          <Related run={run} />
        </Tabs.Panel>
        <Tabs.Panel value="definition">
          <Json value={run.definition} label="the definition" />
        </Tabs.Panel>
        <Tabs.Panel value="json">
          <Json value={run} label="the run" />
        </Tabs.Panel>
      </Tabs>
    </Stack>
  );
}

/** Why it stands where it stands, where the status alone does not say it. */
function Why({ run }: { run: Run }) {
  const why =
    isLive(run.status) || run.displayStatus === "completed_with_errors" ? whyOf(run.displayStatus) : undefined;
  if (!why && !run.scheduledFor) return null;
  return (
    <Text size="sm" c="dimmed" mt={6}>
      {why}{" "}
      {run.scheduledFor && run.displayStatus === "scheduled" && (
        <b>
          <Time at={run.scheduledFor} as="day" />
        </b>
      )}
      {run.displayStatus === "waiting_for_worker" && (
        <Anchor component={PageLink} to={"/runs"} search={{ kind: run.kind, status: "pending" }}>
          See all that wait
        </Anchor>
      )}
    </Text>
  );
}

function About({ run, name }: { run: Run; name: string | undefined }) {
  const labels = Object.entries(run.labels);
  const facts: Fact[] = [
    ["Kind", kindName(run.kind)],
    ["Started by", run.triggerMethod],
    ["Created", <Time key="created" at={run.createdAt} as="day" />],
    ["Lasted", run.startedAt ? <Lasting key="lasted" from={run.startedAt} to={run.completedAt} /> : "not started"],
    [
      "Action",
      name && run.actionId && (
        <PageLink key="action" to={`/actions/${run.actionId}`}>
          {name}
        </PageLink>
      ),
    ],
    ["One at a time by", run.concurrencyKey],
    [
      "Approved with",
      run.approvalValues &&
        Object.entries(run.approvalValues).map(([key, value]) => (
          <div key={key} style={{ overflowWrap: "anywhere" }}>
            {key}: {typeof value === "string" ? value : JSON.stringify(value)}
          </div>
        )),
    ],
    [
      "Labels",
      labels.length > 0 &&
        labels.map(([key, value]) => (
          <PageLink key={key} to="/runs" search={{ label: `${key}=${value}` }} mr={8}>
            {key}={value}
          </PageLink>
        )),
    ],
    ["Id", <Copied key="id" value={run.id} label="Copy the id" />],
  ];
  return <Facts facts={facts} />;
}
