import { Alert, Group, Stack, Tabs, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api, ask } from "~/api/client";
import { useAddress, usePart } from "~/app/navigate";
import { textOf } from "~/app/search";
import { useAutomation, type WholeAutomationRun } from "~/shared/automations";
import { Copied, type Fact, Facts } from "~/shared/facts";
import { StepGraph, type StepState } from "~/shared/graph/graph";
import { graphOf } from "~/shared/graph/steps";
import { Json } from "~/shared/json";
import { PageLink } from "~/shared/link";
import { Failure, Waiting } from "~/shared/states";
import { lookOf, StatusBadge } from "~/shared/status";
import { Lasting, Time } from "~/shared/time";
import { Buttons } from "./buttons";
import { Gantt } from "./gantt";
import { StepPanel } from "./step-panel";
import { useAutomationRun } from "./use-run";

export default function AutomationRunPage() {
  const id = usePart("id");
  const found = useAutomationRun(id);
  if (found.error && !found.data) return <Failure error={found.error} retry={() => void found.refetch()} />;
  if (!found.data) return <Waiting />;
  return <Shown key={id} run={found.data} />;
}

function Shown({ run }: { run: WholeAutomationRun }) {
  const [search, change] = useAddress();
  const automation = useAutomation(run.automationId).data?.automation;
  const name = automation?.name ?? "Automation";
  useDocumentTitle(`${name} · Automation run · VAI`);
  const chosen = textOf(search.step);
  const choose = (key: string | undefined): void => change({ step: key });
  const step = run.steps.find(({ key }) => key === chosen);
  return (
    <Stack gap="md">
      <div>
        <Text size="sm" mb={4}>
          <PageLink to="/automations">Automations</PageLink> /{" "}
          <PageLink to={`/automations/${run.automationId}`}>{name}</PageLink>
        </Text>
        <Group justify="space-between" gap="sm" align="flex-start">
          <Group gap="sm" miw={0} maw="100%">
            <Title order={1} style={{ overflowWrap: "anywhere" }}>
              Run of {name}
            </Title>
            <StatusBadge status={run.displayStatus} size="lg" />
          </Group>
          <Buttons run={run} />
        </Group>
        {run.reason && (
          <Text size="sm" c="dimmed" mt={6}>
            {run.reason}
          </Text>
        )}
      </div>
      <About run={run} />
      <Waits run={run} choose={choose} />
      {run.error && (
        <Alert color="red" title="It failed">
          {typeof run.error.message === "string" ? run.error.message : JSON.stringify(run.error)}
        </Alert>
      )}
      <Tabs
        value={textOf(search.tab) ?? "graph"}
        onChange={(value) => change({ tab: value === "graph" ? undefined : (value ?? undefined) })}
        keepMounted={false}
      >
        <Tabs.List mb="sm">
          <Tabs.Tab value="graph">Graph</Tabs.Tab>
          <Tabs.Tab value="time">Time</Tabs.Tab>
          <Tabs.Tab value="inputs">Inputs</Tabs.Tab>
          <Tabs.Tab value="json">JSON</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="graph">
          <LiveGraph run={run} name={name} chosen={chosen} choose={choose} />
        </Tabs.Panel>
        <Tabs.Panel value="time">
          <Gantt run={run} choose={choose} />
        </Tabs.Panel>
        <Tabs.Panel value="inputs">
          <Stack>
            <Json value={run.inputs} label="the inputs" />
            {run.event && <Json value={run.event} label="the event" />}
          </Stack>
        </Tabs.Panel>
        <Tabs.Panel value="json">
          <Json value={run} label="the automation run" />
        </Tabs.Panel>
      </Tabs>
      {step && <StepPanel run={run} step={step} close={() => choose(undefined)} />}
    </Stack>
  );
}

type GraphProps = {
  run: WholeAutomationRun;
  name: string;
  chosen: string | undefined;
  choose: (key: string | undefined) => void;
};

/** The steps of the version that this run has, each with what has become of it. */
function LiveGraph({ run, name, chosen, choose }: GraphProps) {
  const version = useQuery({
    queryKey: ["automation-version", run.automationId, run.versionId],
    queryFn: ({ signal }) =>
      ask(
        api.GET("/api/v1/automations/{automation_id}/versions/{version_id}", {
          params: { path: { automation_id: run.automationId, version_id: run.versionId } },
          signal,
        }),
      ),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const graph = useMemo(() => graphOf({ steps: version.data?.steps }), [version.data]);
  const states = useMemo(() => new Map(run.steps.map((step) => [step.key, stateOf(step)])), [run.steps]);
  if (version.error) return <Failure error={version.error} retry={() => void version.refetch()} />;
  if (!version.data) return <Waiting />;
  return (
    <StepGraph
      graph={graph}
      states={states}
      chosen={chosen}
      choose={choose}
      height="min(56vh, 32rem)"
      label={`Steps of the run of ${name}`}
    />
  );
}

function stateOf(step: WholeAutomationRun["steps"][0]): StepState {
  const seconds =
    step.startedAt && step.completedAt
      ? (new Date(step.completedAt).getTime() - new Date(step.startedAt).getTime()) / 1_000
      : undefined;
  const note = step.port && step.port !== "success" ? `by ${step.port}` : undefined;
  return { state: step.state, seconds, note };
}

/** What waits for somebody, in front of everything else. */
function Waits({ run, choose }: { run: WholeAutomationRun; choose: (key: string) => void }) {
  const waiting = run.steps.filter((step) => step.state === "awaiting_approval").slice(0, 5);
  return waiting.map((step) => <StepPanel key={step.key} run={run} step={step} close={() => choose(step.key)} asks />);
}

function About({ run }: { run: WholeAutomationRun }) {
  const counts = new Map<string, number>();
  for (const { state } of run.steps) counts.set(state, (counts.get(state) ?? 0) + 1);
  const steps = [...counts].map(([state, count]) => `${count.toLocaleString()} ${lookOf(state).text}`).join(", ");
  const facts: Fact[] = [
    ["Started by", run.triggeredBy],
    ["Created", <Time key="created" at={run.createdAt} as="day" />],
    ["Scheduled for", run.scheduledFor && <Time key="scheduled" at={run.scheduledFor} as="day" />],
    ["Lasted", run.startedAt ? <Lasting key="lasted" from={run.startedAt} to={run.completedAt} /> : "not started"],
    ["Steps", steps || "none"],
    [
      "Retry of",
      run.retryOf && (
        <PageLink key="retry" to={`/automation-runs/${run.retryOf}`}>
          an earlier run{run.retryFrom ? `, from ${run.retryFrom}` : ""}
        </PageLink>
      ),
    ],
    [
      "Called by",
      run.parentActionRunId && (
        <PageLink key="parent" to={`/runs/${run.parentActionRunId}`}>
          a run
        </PageLink>
      ),
    ],
    [
      "Labels",
      Object.entries(run.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(" "),
    ],
    ["Id", <Copied key="id" value={run.runId} label="Copy the id" />],
  ];
  return <Facts facts={facts} />;
}
