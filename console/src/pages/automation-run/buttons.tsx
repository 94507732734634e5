import { Button, Group, Menu, Modal, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "~/api/client";
import { messageOf } from "~/api/problem";
import { useRefusal } from "~/app/me";
import { useGo } from "~/app/navigate";
import { queries } from "~/app/queries";
import type { WholeAutomationRun } from "~/shared/automations";

type Retry = { version?: "same" | "latest"; fromStep?: string };

/** Cancel while it runs; afterwards begin again with what failed, or with a step that somebody chooses. */
export function Buttons({ run }: { run: WholeAutomationRun }) {
  const [asked, setAsked] = useState(false);
  const role = useRefusal("operator");
  const { cancel, retry, execute } = useDecisions(run);
  const live = run.status === "running";
  const noCancel = role ?? (live ? undefined : "The run has ended.");
  const noRetry = role ?? retryRefusal(run);
  return (
    <Group gap="xs">
      {run.displayStatus === "scheduled" && (
        <Button
          size="xs"
          disabled={role !== undefined}
          title={role}
          loading={execute.isPending}
          onClick={() => execute.mutate()}
        >
          Start now
        </Button>
      )}
      <Button
        size="xs"
        variant="default"
        disabled={noCancel !== undefined}
        title={noCancel}
        onClick={() => setAsked(true)}
      >
        Cancel
      </Button>
      <Menu position="bottom-end" width={300} shadow="md" disabled={noRetry !== undefined}>
        <Menu.Target>
          <Button size="xs" disabled={noRetry !== undefined} title={noRetry} loading={retry.isPending}>
            Retry from failed
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => retry.mutate({})}>
            As it was
            <Text size="xs" c="dimmed">
              By the version that this run has.
            </Text>
          </Menu.Item>
          <Menu.Item onClick={() => retry.mutate({ version: "latest" })}>
            As it is now
            <Text size="xs" c="dimmed">
              Steps that were changed since are done again, too.
            </Text>
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {asked && (
        <Modal opened onClose={() => setAsked(false)} title="Cancel this automation run?">
          <Stack>
            <Text size="sm">
              No further step starts, and what runs ends at its next safe point. What is written stays.
            </Text>
            <Group justify="flex-end">
              <Button variant="default" onClick={() => setAsked(false)}>
                Keep it
              </Button>
              <Button
                color="red"
                data-autofocus
                loading={cancel.isPending}
                onClick={() => cancel.mutate(undefined, { onSettled: () => setAsked(false) })}
              >
                Cancel
              </Button>
            </Group>
          </Stack>
        </Modal>
      )}
    </Group>
  );
}

function retryRefusal(run: WholeAutomationRun): string | undefined {
  if (run.status === "running") return "The run has not ended yet.";
  if (run.status === "completed") return "Nothing has failed. To do a part again, choose a step and begin with it.";
  return undefined;
}

export function useDecisions(run: WholeAutomationRun) {
  const go = useGo();
  const params = { params: { path: { run_id: run.runId } } };
  const tell = (error: unknown): void => {
    notifications.show({ color: "red", title: "That was refused", message: messageOf(error), autoClose: 10_000 });
  };
  const again = (): Promise<unknown> =>
    Promise.all(
      ["automation-run", "automation-runs", "automations", "run", "runs"].map((key) =>
        queries.invalidateQueries({ queryKey: [key] }),
      ),
    );
  const cancel = useMutation({
    mutationFn: () => ask(api.POST("/api/v1/automation-runs/{run_id}/cancel", params)),
    onError: tell,
    onSettled: again,
  });
  const execute = useMutation({
    mutationFn: () => ask(api.POST("/api/v1/automation-runs/{run_id}/execute", params)),
    onError: tell,
    onSettled: again,
  });
  const retry = useMutation({
    mutationFn: (body: Retry) => ask(api.POST("/api/v1/automation-runs/{run_id}/retry", { ...params, body })),
    onSuccess: (fresh) => {
      notifications.show({ color: "teal", message: "A new automation run has begun." });
      go(`/automation-runs/${fresh.runId}`);
    },
    onError: tell,
    onSettled: again,
  });
  return { cancel, retry, execute };
}
