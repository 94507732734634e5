/** One call of a tool: what it was asked, how its run stands, what it came to; and the decision it waits for. */
import { Button, Collapse, Group, Paper, Stack, Text, UnstyledButton } from "@mantine/core";
import { IconChevronDown, IconChevronRight, IconTool } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "~/api/client";
import type { Run } from "~/api/types";
import { useRefusal } from "~/app/me";
import { Ask } from "~/pages/run/buttons";
import { ApprovalDialog, fieldsOf } from "~/shared/approval-form";
import { useDecision } from "~/shared/decide";
import { Json } from "~/shared/json";
import { PageLink } from "~/shared/link";
import { RejectButton } from "~/shared/reject-button";
import { isLive, StatusBadge } from "~/shared/status";
import classes from "./thread.module.css";

export type Call = {
  tool: string;
  runId: string | null;
  refused?: string | null;
  arguments?: unknown;
  status?: string | null;
  result?: string | null;
};

/** `live`: its run is looked at until it has ended; else what is told of it is all. */
export function CallCard({ call, live }: { call: Call; live: boolean }) {
  const [open, setOpen] = useState(false);
  const watched = useQuery({
    queryKey: ["run", call.runId],
    queryFn: ({ signal }) =>
      ask<Run>(api.GET("/api/v1/action-runs/{run_id}", { params: { path: { run_id: call.runId ?? "" } }, signal })),
    enabled: live && call.runId !== null,
    refetchInterval: (query) => (query.state.data && !isLive(query.state.data.status) ? false : 2_000),
  });
  const run = live ? watched.data : undefined;
  const status = run?.displayStatus ?? call.status;
  const asked = call.arguments ?? run?.definition;
  const waits = run?.status === "awaiting_approval";
  const Sign = open ? IconChevronDown : IconChevronRight;
  return (
    <Paper withBorder component="article" aria-label={`Call of ${call.tool}`} className={classes.call}>
      <Group gap="xs" wrap="nowrap" px="sm" py={6}>
        <UnstyledButton onClick={() => setOpen(!open)} aria-expanded={open || waits} className={classes.callHead}>
          <Sign size={15} aria-hidden />
          <IconTool size={15} aria-hidden />
          <Text size="sm" fw={600} truncate>
            {call.tool}
          </Text>
          <Text size="xs" c="dimmed" truncate className={classes.about}>
            {call.refused ?? summary(asked)}
          </Text>
        </UnstyledButton>
        {call.refused ? <StatusBadge status="rejected" /> : status && <StatusBadge status={status} />}
        {call.runId && (
          <PageLink to={`/runs/${call.runId}`} size="sm" aria-label={`Run of ${call.tool}`}>
            Run
          </PageLink>
        )}
      </Group>
      <Collapse expanded={open || waits}>
        <Stack gap="xs" px="sm" pb="sm">
          {call.refused && <Text size="sm">{call.refused}</Text>}
          {asked !== undefined && asked !== null && <Json value={asked} label="what was asked" />}
          {open && call.result && <Result text={call.result} />}
          {run && waits && <Decide run={run} tool={call.tool} />}
        </Stack>
      </Collapse>
    </Paper>
  );
}

function Result({ text }: { text: string }) {
  let value: unknown = text;
  try {
    value = JSON.parse(text);
  } catch {
    // A text that is no JSON is shown as it is.
  }
  return (
    <div>
      <Text size="xs" c="dimmed" mb={4}>
        What the model read of the result
      </Text>
      <Json value={value} label="the result" />
    </div>
  );
}

function Decide({ run, tool }: { run: Run; tool: string }) {
  const [rejects, setRejects] = useState(false);
  const [fills, setFills] = useState(false);
  const refusal = useRefusal("operator");
  const decision = useDecision(() => {
    setRejects(false);
    setFills(false);
  });
  const fields = fieldsOf(run.definition);
  return (
    <Group justify="space-between" gap="xs">
      <Text size="sm" fw={600}>
        It waits for a decision.
      </Text>
      <Group gap="xs">
        <RejectButton what={tool} refusal={refusal} go={() => setRejects(true)} />
        <Button
          size="xs"
          disabled={refusal !== undefined}
          title={refusal}
          loading={decision.isPending && decision.variables?.decision === "approve"}
          onClick={() => (fields.length ? setFills(true) : decision.mutate({ id: run.id, decision: "approve" }))}
          aria-label={`Approve ${tool}`}
        >
          Approve
        </Button>
      </Group>
      {fills && (
        <ApprovalDialog
          title={`Approve ${tool}?`}
          fields={fields}
          error={decision.error}
          busy={decision.isPending}
          close={() => setFills(false)}
          send={(values) => decision.mutate({ id: run.id, decision: "approve", values })}
        />
      )}
      {rejects && (
        <Ask
          decision="reject"
          busy={decision.isPending}
          close={() => setRejects(false)}
          send={(reason) => decision.mutate({ id: run.id, decision: "reject", reason })}
        />
      )}
    </Group>
  );
}

/** What was asked, in a line: `city: Konya, max_rows: 20`. */
function summary(asked: unknown): string {
  if (typeof asked !== "object" || asked === null) return typeof asked === "string" ? asked.slice(0, 200) : "";
  return Object.entries(asked)
    .map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ")
    .slice(0, 200);
}
