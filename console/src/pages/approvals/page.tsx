import { Button, Group, Paper, Stack, Text } from "@mantine/core";
import { IconChecks } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useId, useState } from "react";
import { api, ask } from "~/api/client";
import type { ListedRun } from "~/api/types";
import { useRefusal } from "~/app/me";
import { Ask } from "~/pages/run/buttons";
import { ApprovalForm, fieldsOf } from "~/shared/approval-form";
import { type Decision, useDecision } from "~/shared/decide";
import { Json } from "~/shared/json";
import { PageLink } from "~/shared/link";
import { Page } from "~/shared/page";
import { RejectButton } from "~/shared/reject-button";
import { kindName, subjectOf, useNames } from "~/shared/runs";
import { Empty, Failure, Waiting } from "~/shared/states";
import { Time } from "~/shared/time";

export default function ApprovalsPage() {
  const found = useInfiniteQuery({
    queryKey: ["approvals"],
    queryFn: ({ pageParam, signal }) =>
      ask(
        api.GET("/api/v1/action-runs", {
          params: { query: { status: ["awaiting_approval"], order: "asc", limit: 25, cursor: pageParam } },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.nextCursor,
    refetchInterval: 5_000,
  });
  const runs = found.data?.pages.flatMap((page) => page.runs) ?? [];
  return (
    <Page title="Approvals">
      {found.error && <Failure error={found.error} retry={() => void found.refetch()} />}
      {found.isPending && <Waiting />}
      {found.data && runs.length === 0 && (
        <Empty icon={IconChecks} title="Nothing waits for a decision">
          A step of the kind approval_gate, and runs that need an approval, wait here until somebody decides.
        </Empty>
      )}
      <Stack gap="sm">
        {runs.map((run) => (
          <Waits key={run.id} run={run} />
        ))}
        {found.hasNextPage && (
          <Button variant="default" loading={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
            Show more
          </Button>
        )}
      </Stack>
    </Page>
  );
}

/** One that waits: what it is, what it will do, and the two decisions. */
function Waits({ run }: { run: ListedRun }) {
  const [asked, setAsked] = useState(false);
  const [open, setOpen] = useState(false);
  const { actions } = useNames();
  const refusal = useRefusal("operator");
  const decision = useDecision(() => setAsked(false));
  const decide = (what: Decision, reason?: string): void => decision.mutate({ id: run.id, decision: what, reason });
  const fields = fieldsOf(run.definition);
  const form = useId();
  const title = (run.actionId && actions.get(run.actionId)) || subjectOf(run) || kindName(run.kind);
  const message = typeof run.definition.message === "string" ? run.definition.message : "";
  const asks = fields.length > 0 && refusal === undefined;
  const buttons = (
    <Group gap="xs">
      <Button variant="subtle" size="xs" aria-expanded={open} onClick={() => setOpen(!open)}>
        {open ? "Hide what it will do" : "What it will do"}
      </Button>
      <RejectButton what={title} refusal={refusal} go={() => setAsked(true)} />
      <Button
        size="xs"
        disabled={refusal !== undefined}
        title={refusal}
        loading={decision.isPending && decision.variables?.decision === "approve"}
        type={fields.length ? "submit" : "button"}
        form={fields.length ? form : undefined}
        onClick={fields.length ? undefined : () => decide("approve")}
        aria-label={`Approve ${title}`}
      >
        Approve
      </Button>
    </Group>
  );
  return (
    <Paper withBorder p="md" component="article" aria-label={title}>
      <Group justify="space-between" align="flex-start" gap="sm">
        <div style={{ minWidth: 0, flex: "1 1 240px" }}>
          <PageLink to={`/runs/${run.id}`} fw={600} style={{ overflowWrap: "anywhere" }}>
            {title}
          </PageLink>
          {message && message !== title && (
            <Text size="sm" style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
              {message}
            </Text>
          )}
          <Text size="xs" c="dimmed" component="div">
            {kindName(run.kind)} · asked for by {run.triggerMethod} · <Time at={run.createdAt} />
          </Text>
        </div>
        {!asks && buttons}
      </Group>
      {asks && (
        <Stack mt="sm">
          <ApprovalForm
            id={form}
            fields={fields}
            error={decision.error}
            send={(values) => decision.mutate({ id: run.id, decision: "approve", values })}
          />
          {buttons}
        </Stack>
      )}
      {open && (
        <Stack mt="sm">
          <Json value={run.definition} label="what it will do" />
        </Stack>
      )}
      {asked && (
        <Ask
          decision="reject"
          busy={decision.isPending}
          close={() => setAsked(false)}
          send={(reason) => decide("reject", reason)}
        />
      )}
    </Paper>
  );
}
