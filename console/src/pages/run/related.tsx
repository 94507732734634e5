import { List, Paper, Stack, Text, Title } from "@mantine/core";
import { IconLink } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import type { Run, RunQuery } from "~/api/types";
import { PageLink } from "~/shared/link";
import { RunLines } from "~/shared/run-lines";
import { Empty, Failure, Waiting } from "~/shared/states";

/** Runs that belong to this one: what it goes on from or has started, and the others of its action. */
export function Related({ run }: { run: Run }) {
  const children = useRuns("children", { parent_action_run_id: run.id, limit: 20 });
  const same = useRuns("same", run.actionId ? { action_id: run.actionId, limit: 11 } : { kind: [run.kind], limit: 11 });
  if (children.error) return <Failure error={children.error} retry={() => void children.refetch()} />;
  if (!children.data || !same.data) return <Waiting />;
  const others = same.data.runs.filter((each) => each.id !== run.id).slice(0, 10);
  const origin = originOf(run);
  if (!origin && !others.length && !children.data.runs.length) {
    return (
      <Empty icon={IconLink} title="It stands alone">
        No other run belongs to it.
      </Empty>
    );
  }
  return (
    <Stack>
      {origin && (
        <Paper withBorder p="sm">
          <Title order={2} mb={4}>
            Where it comes from
          </Title>
          <List size="sm">{origin}</List>
        </Paper>
      )}
      {children.data.runs.length > 0 && <Some title="Started by it" runs={children.data.runs} />}
      {others.length > 0 && (
        <Some title={run.actionId ? "Other runs of its action" : "Other runs of its kind"} runs={others} />
      )}
    </Stack>
  );
}

function useRuns(what: string, query: RunQuery) {
  return useQuery({
    queryKey: ["runs", what, query],
    queryFn: ({ signal }) => ask(api.GET("/api/v1/action-runs", { params: { query }, signal })),
  });
}

function originOf(run: Run) {
  const parent = run.parentActionRunId;
  const source = run.triggerSourceId;
  if (!parent && !source) return null;
  return (
    <>
      {parent && (
        <List.Item>
          <PageLink to={`/runs/${parent}`}>The run before it, or the one that started it</PageLink>
        </List.Item>
      )}
      {source && (
        <List.Item>
          <Text span size="sm">
            {(run.triggerSourceType ?? run.triggerMethod).replaceAll("_", " ")}:{" "}
            {run.triggerSourceType === "api_key" && <KeyName id={source} />}
            <Text span ff="monospace" size="xs">
              {source}
            </Text>
          </Text>
        </List.Item>
      )}
    </>
  );
}

/** The key's name, and of which service account it is, where one may see it. */
function KeyName({ id }: { id: string }) {
  const key = useQuery({
    queryKey: ["keys", "one", id],
    queryFn: ({ signal }) => ask(api.GET("/api/v1/api-keys/{key_id}", { params: { path: { key_id: id } }, signal })),
    retry: false,
    staleTime: 60_000,
  }).data;
  const account = useQuery({
    queryKey: ["service-accounts", "one", key?.userId],
    queryFn: ({ signal }) => {
      const path = { account_id: key?.userId ?? "" };
      return ask(api.GET("/api/v1/service-accounts/{account_id}", { params: { path }, signal }));
    },
    enabled: !!key,
    retry: false,
    staleTime: 60_000,
  }).data;
  if (!key) return null;
  return (
    <b>
      {key.name}
      {account && ` of ${account.name}`}{" "}
    </b>
  );
}

function Some({ title, runs }: { title: string; runs: Run[] }) {
  return (
    <Paper withBorder p="sm">
      <Title order={2} mb={6}>
        {title}
      </Title>
      <RunLines runs={runs} />
    </Paper>
  );
}
