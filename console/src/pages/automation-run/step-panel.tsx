import { Alert, Button, CloseButton, Group, Paper, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import type { Run } from "~/api/types";
import { useRefusal } from "~/app/me";
import { Buttons as RunButtons } from "~/pages/run/buttons";
import type { WholeAutomationRun } from "~/shared/automations";
import { Json } from "~/shared/json";
import { PageLink } from "~/shared/link";
import { kindName } from "~/shared/runs";
import { StatusBadge } from "~/shared/status";
import { Lasting } from "~/shared/time";
import { useDecisions } from "./buttons";

type Props = {
  run: WholeAutomationRun;
  step: WholeAutomationRun["steps"][0];
  close: () => void;
  /** It stands above the graph because it waits for somebody: only what is asked, and the answers. */
  asks?: boolean;
};

/** One step of the run: what has become of it and why, its own run, and what can be decided. */
export function StepPanel({ run, step, close, asks = false }: Props) {
  const found = useStepRun(step);
  const message = typeof found.data?.definition.message === "string" ? found.data.definition.message : "";
  const title = typeof found.data?.definition.title === "string" ? found.data.definition.title : step.name;
  const result = run.actionRuns.find(({ stepKey }) => stepKey === step.key)?.result;
  return (
    <Paper withBorder p="md" component="section" aria-label={`Step ${step.name ?? step.key}`}>
      <Group justify="space-between" align="flex-start" gap="sm">
        <Group gap="sm" miw={0} maw="100%">
          <Title order={2} style={{ overflowWrap: "anywhere" }}>
            {asks ? (title ?? step.key) : (step.name ?? step.key)}
          </Title>
          <StatusBadge status={step.state} />
          <Text size="xs" c="dimmed">
            {kindName(step.kind)}
            {step.startedAt && (
              <>
                {" · "}
                <Lasting from={step.startedAt} to={step.completedAt} />
              </>
            )}
          </Text>
        </Group>
        <Group gap="xs">
          {found.data && <RunButtons run={found.data} />}
          {!asks && <FromHere run={run} step={step} />}
          {!asks && <CloseButton aria-label="Close the step" onClick={close} />}
        </Group>
      </Group>
      <Stack gap="xs" mt="xs">
        {message && (
          <Text size="sm" style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
            {message}
          </Text>
        )}
        {step.reason && (
          <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
            {step.reason}
          </Text>
        )}
        {step.error && (
          <Alert color="red" title={typeof step.error.code === "string" ? step.error.code : "It failed"}>
            <Text size="sm" style={{ overflowWrap: "anywhere" }}>
              {typeof step.error.message === "string" ? step.error.message : JSON.stringify(step.error)}
            </Text>
          </Alert>
        )}
        {step.runId ? (
          <Text size="sm">
            <PageLink to={`/runs/${step.runId}`}>Open its run: log, result, attempts</PageLink>
          </Text>
        ) : (
          <Text size="sm" c="dimmed">
            It has no run{step.state === "waiting" ? " yet" : ""}.
          </Text>
        )}
        {!asks && result && <Json value={result} label={`the result of ${step.key}`} />}
      </Stack>
    </Paper>
  );
}

function useStepRun(step: Props["step"]) {
  const id = step.runId ?? "";
  return useQuery({
    queryKey: ["run", id],
    queryFn: ({ signal }) =>
      ask<Run>(api.GET("/api/v1/action-runs/{run_id}", { params: { path: { run_id: id } }, signal })),
    enabled: id !== "",
    refetchInterval: step.completedAt ? false : 5_000,
  });
}

function FromHere({ run, step }: { run: WholeAutomationRun; step: Props["step"] }) {
  const role = useRefusal("operator");
  const { retry } = useDecisions(run);
  const refusal = role ?? (run.status === "running" ? "The automation run has not ended yet." : undefined);
  return (
    <Button
      size="xs"
      variant="default"
      disabled={refusal !== undefined}
      title={refusal ?? "This step and all that come after it are done again, in a new automation run."}
      loading={retry.isPending}
      onClick={() => retry.mutate({ fromStep: step.key })}
    >
      Retry from this step
    </Button>
  );
}
