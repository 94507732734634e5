import { Button, Group, Menu, Modal, Stack, Text, Textarea } from "@mantine/core";
import { IconDots } from "@tabler/icons-react";
import { useState } from "react";
import type { Run } from "~/api/types";
import { useRefusal } from "~/app/me";
import { useGo } from "~/app/navigate";
import { ApprovalDialog, fieldsOf } from "~/shared/approval-form";
import { type Decision, REFUSALS, useDecision, wordOf } from "~/shared/decide";

const ALL: Decision[] = ["approve", "reject", "cancel", "retry", "run-again", "pause", "resume", "execute", "delete"];
const ASKS: Partial<Record<Decision, string>> = {
  cancel: "The run ends at its next safe point. What it has written stays.",
  reject: "The run ends, and the steps behind it follow their port for an error.",
  delete: "The run disappears from the lists. What it has written stays.",
};

/** Everything that can be decided about a run: what applies in front, the rest in a menu, with the reason why not. */
export function Buttons({ run }: { run: Run }) {
  const [asked, setAsked] = useState<Decision>();
  const role = useRefusal("operator");
  const go = useGo();
  const decision = useDecision((what, fresh) => {
    setAsked(undefined);
    if (what === "delete") go("/runs");
    else if ((what === "retry" || what === "run-again") && fresh && fresh.id !== run.id) go(`/runs/${fresh.id}`);
  });
  const refusals = new Map(ALL.map((each) => [each, role ?? REFUSALS[each](run)]));
  const front = ALL.filter((each) => !refusals.get(each) && each !== "delete").slice(0, 3);
  const fields = fieldsOf(run.definition);
  const press = (each: Decision): void =>
    ASKS[each] || (each === "approve" && fields.length > 0)
      ? setAsked(each)
      : decision.mutate({ id: run.id, decision: each });
  return (
    <Group gap="xs">
      {front.map((each, index) => (
        <Button
          key={each}
          size="xs"
          variant={index === 0 && each !== "cancel" ? "filled" : "default"}
          loading={decision.isPending && decision.variables?.decision === each}
          onClick={() => press(each)}
        >
          {wordOf(each)}
        </Button>
      ))}
      <Menu position="bottom-end" width={300} shadow="md">
        <Menu.Target>
          <Button size="xs" variant="default" aria-label="More that can be done" px={8}>
            <IconDots size={16} aria-hidden />
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {ALL.map((each) => (
            <Menu.Item key={each} disabled={refusals.get(each) !== undefined} onClick={() => press(each)}>
              {wordOf(each)}
              {refusals.get(each) && (
                <Text size="xs" c="dimmed">
                  {refusals.get(each)}
                </Text>
              )}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      {asked === "approve" && (
        <ApprovalDialog
          title="Approve this run?"
          fields={fields}
          error={decision.error}
          busy={decision.isPending}
          close={() => setAsked(undefined)}
          send={(values) => decision.mutate({ id: run.id, decision: "approve", values })}
        />
      )}
      {asked && asked !== "approve" && (
        <Ask
          decision={asked}
          busy={decision.isPending}
          close={() => setAsked(undefined)}
          send={(reason) => decision.mutate({ id: run.id, decision: asked, reason })}
        />
      )}
    </Group>
  );
}

type AskProps = { decision: Decision; busy: boolean; close: () => void; send: (reason: string) => void };

/** Asks before something ends; for a rejection, asks why. */
export function Ask({ decision, busy, close, send }: AskProps) {
  const [reason, setReason] = useState("");
  return (
    <Modal opened onClose={close} title={`${wordOf(decision)} this run?`}>
      <Stack>
        <Text size="sm">{ASKS[decision]}</Text>
        {decision === "reject" && (
          <Textarea
            label="Reason"
            description="Shown with the run, and in its event."
            autosize
            minRows={2}
            maxLength={10_000}
            data-autofocus
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
          />
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>
            Keep it
          </Button>
          <Button
            color="red"
            loading={busy}
            onClick={() => send(reason)}
            data-autofocus={decision !== "reject" || undefined}
          >
            {wordOf(decision)}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
