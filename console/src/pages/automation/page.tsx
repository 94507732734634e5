import { Alert, Group, Paper, Stack, Tabs, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { useMemo } from "react";
import { useAddress, usePart } from "~/app/navigate";
import { textOf } from "~/app/search";
import { type OneAutomation, triggerText, useAutomation } from "~/shared/automations";
import { Copied, type Fact, Facts } from "~/shared/facts";
import { StepGraph } from "~/shared/graph/graph";
import { graphOf } from "~/shared/graph/steps";
import { Json } from "~/shared/json";
import { PageLink } from "~/shared/link";
import { Failure, Waiting } from "~/shared/states";
import { StatusBadge } from "~/shared/status";
import { Time } from "~/shared/time";
import { Backfills } from "./backfills";
import { Buttons } from "./buttons";
import { Labels } from "./labels";
import { Runs } from "./runs";
import { Versions } from "./versions";

export default function AutomationPage() {
  const id = usePart("id");
  const found = useAutomation(id);
  if (found.error && !found.data) return <Failure error={found.error} retry={() => void found.refetch()} />;
  if (!found.data) return <Waiting />;
  return <Shown key={id} automation={found.data.automation} tag={found.data.tag} />;
}

function Shown({ automation, tag }: { automation: OneAutomation; tag: string }) {
  const [search, change] = useAddress();
  useDocumentTitle(`${automation.name} · Automation · VAI`);
  return (
    <Stack gap="md">
      <div>
        <Text size="sm" mb={4}>
          <PageLink to="/automations">Automations</PageLink>
        </Text>
        <Group justify="space-between" gap="sm" align="flex-start">
          <Group gap="sm" miw={0} maw="100%">
            <Title order={1} style={{ overflowWrap: "anywhere" }}>
              {automation.name}
            </Title>
            <StatusBadge status={automation.status} size="lg" />
          </Group>
          <Buttons automation={automation} />
        </Group>
        {automation.description && (
          <Text size="sm" mt={6} style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
            {automation.description}
          </Text>
        )}
      </div>
      {automation.error && (
        <Alert color="red" title="It cannot run as it is">
          {typeof automation.error.message === "string" ? automation.error.message : JSON.stringify(automation.error)}
        </Alert>
      )}
      <About automation={automation} tag={tag} />
      <Tabs
        value={textOf(search.tab) ?? "steps"}
        onChange={(value) => change({ tab: value === "steps" ? undefined : (value ?? undefined), step: undefined })}
        keepMounted={false}
      >
        <Tabs.List mb="sm">
          <Tabs.Tab value="steps">Steps</Tabs.Tab>
          <Tabs.Tab value="runs">Runs</Tabs.Tab>
          <Tabs.Tab value="versions">Versions</Tabs.Tab>
          <Tabs.Tab value="json">JSON</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="steps">
          <Steps automation={automation} />
        </Tabs.Panel>
        <Tabs.Panel value="runs">
          <Backfills id={automation.id} />
          <Runs id={automation.id} />
        </Tabs.Panel>
        <Tabs.Panel value="versions">
          <Versions automation={automation} tag={tag} />
        </Tabs.Panel>
        <Tabs.Panel value="json">
          <Json value={automation} label="the automation" />
        </Tabs.Panel>
      </Tabs>
    </Stack>
  );
}

function Steps({ automation }: { automation: OneAutomation }) {
  const [search, change] = useAddress();
  const chosen = textOf(search.step);
  const graph = useMemo(() => graphOf({ steps: automation.steps }), [automation.steps]);
  const step = automation.steps.find(({ key }) => key === chosen);
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed">
        {automation.steps.length.toLocaleString()} {automation.steps.length === 1 ? "step" : "steps"}, at most{" "}
        {automation.max_parallel} at the same time. Choose a step to see what it does.
      </Text>
      <StepGraph
        graph={graph}
        chosen={chosen}
        choose={(key) => change({ step: key })}
        height="min(60vh, 34rem)"
        label={`Steps of ${automation.name}`}
      />
      {step && (
        <Paper withBorder p="sm">
          <Title order={2} mb="xs" style={{ overflowWrap: "anywhere" }}>
            {step.name ?? step.key}
          </Title>
          <Json value={step} label={`step ${step.key}`} />
        </Paper>
      )}
    </Stack>
  );
}

function About({ automation, tag }: { automation: OneAutomation; tag: string }) {
  const { webhookUrl } = automation;
  const facts: Fact[] = [
    ["Trigger", triggerText(automation.trigger)],
    [
      "Next times",
      automation.nextRuns.length
        ? automation.nextRuns.map((at) => (
            <div key={at}>
              <Time at={at} as="day" />
            </div>
          ))
        : "none",
    ],
    ["Inputs", Object.keys(automation.inputs).join(", ") || "none"],
    ["Conditions", automation.conditions.length || "none"],
    ["Changed", <Time key="changed" at={automation.updatedAt} as="day" />],
    ["Labels", <Labels key="labels" automation={automation} tag={tag} />],
    ["Slug", <Copied key="slug" value={automation.slug} label="Copy the slug" />],
    ["Webhook", webhookUrl && <Copied key="webhook" value={webhookUrl} label="Copy the address of the webhook" />],
  ];
  return <Facts facts={facts} />;
}
