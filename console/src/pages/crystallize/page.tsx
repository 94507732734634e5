/** What a chat, or a run of an agent, would become as an automation: looked at before it is saved. */
import { Alert, Anchor, Button, Group, Paper, Stack, Text, TextInput, Title } from "@mantine/core";
import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, ask } from "~/api/client";
import { ROOT } from "~/api/root";
import type { Crystallized, Schemas } from "~/api/types";
import { useRefusal } from "~/app/me";
import { usePart } from "~/app/navigate";
import { queries } from "~/app/queries";
import { Json } from "~/shared/json";
import { PageLink } from "~/shared/link";
import { Page } from "~/shared/page";
import { Failure, Waiting } from "~/shared/states";
import { Parameters } from "./parameters";
import { Report } from "./report";

type Body = Schemas["CrystallizeBody"];

export default function CrystallizePage() {
  const [thread, run] = [usePart("id"), usePart("run")];
  const make = (body: Body, dry_run: boolean, signal?: AbortSignal): Promise<Crystallized> =>
    thread
      ? ask(
          api.POST("/api/v1/chat/threads/{thread_id}/crystallize", {
            params: { path: { thread_id: thread }, query: { dry_run } },
            body,
            signal,
          }) as never,
        )
      : ask(
          api.POST("/api/v1/agents/runs/{run_id}/crystallize", {
            params: { path: { run_id: run }, query: { dry_run } },
            body,
            signal,
          }) as never,
        );
  const back = thread ? { to: `/chat/${thread}`, word: "Chat" } : { to: `/runs/${run}`, word: "Run" };
  return (
    <Page title="Crystallize">
      <Text size="sm" maw={760}>
        <PageLink to={back.to} underline="always">
          Back to the {back.word.toLowerCase()}
        </PageLink>{" "}
        · Its calls become steps that ask no model and do the same every time. Look at them, then save.
      </Text>
      <Made key={thread || run} of={thread || run} make={make} />
    </Page>
  );
}

type MadeProps = { of: string; make: (body: Body, dry: boolean, signal?: AbortSignal) => Promise<Crystallized> };

function Made({ of, make }: MadeProps) {
  const [parameters, setParameters] = useState<Body["parameters"]>({});
  const look = useQuery({
    queryKey: ["crystallize", of, parameters],
    queryFn: ({ signal }) => make({ parameters }, true, signal),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });
  const save = useMutation({
    mutationFn: (name: string) => make({ parameters, name: name || null }, false),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ["automations"] }),
  });
  if (save.data?.automation) return <Saved made={save.data} />;
  return (
    <Stack>
      {look.error && <Failure error={look.error} retry={() => void look.refetch()} />}
      {look.isPending && <Waiting />}
      <Parameters given={parameters ?? {}} busy={look.isFetching} change={setParameters} />
      {look.data && (
        <>
          <Save made={look.data} busy={save.isPending} save={(name) => save.mutate(name)} error={save.error} />
          <Report made={look.data} />
          <details>
            <summary>
              <Text span size="sm" fw={600}>
                The automation as JSON
              </Text>
            </summary>
            <Json value={look.data.body} label="the automation" />
          </details>
        </>
      )}
    </Stack>
  );
}

type SaveProps = { made: Crystallized; busy: boolean; save: (name: string) => void; error: unknown };

function Save({ made, busy, save, error }: SaveProps) {
  const [name, setName] = useState<string>();
  const refusal = useRefusal("operator");
  const shown = name ?? String(made.body.name ?? "");
  const send = (event: FormEvent): void => {
    event.preventDefault();
    save(shown);
  };
  return (
    <Paper withBorder p="md" component="form" onSubmit={send}>
      <Group align="flex-end" gap="sm">
        <TextInput
          label="Name of the automation"
          value={shown}
          maxLength={255}
          style={{ flex: "1 1 260px" }}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Button type="submit" loading={busy} disabled={!shown.trim() || !!refusal} title={refusal}>
          Save the automation
        </Button>
      </Group>
      <Text size="xs" c="dimmed" mt={6}>
        It is started by hand until it is given another trigger.
      </Text>
      {error !== null && <Failure error={error} />}
    </Paper>
  );
}

function Saved({ made }: { made: Crystallized }) {
  const { automation } = made;
  if (!automation) return null;
  return (
    <Stack>
      <Alert color="teal" title={`${automation.name} is saved`} role="status">
        <Group gap="md">
          <PageLink to={`/automations/${automation.id}`}>Open the automation</PageLink>
          <PageLink to="/runs" search={{ automation_id: automation.id }}>
            Its runs
          </PageLink>
        </Group>
      </Alert>
      <Paper withBorder p="md">
        <Title order={2} mb="sm">
          Its graph
        </Title>
        <Anchor href={`${ROOT}/api/v1/automations/${automation.id}/graph?format=svg`} target="_blank">
          <img
            src={`${ROOT}/api/v1/automations/${automation.id}/graph?format=svg`}
            alt={`The steps of ${automation.name} as a graph`}
            style={{ maxWidth: "100%" }}
          />
        </Anchor>
      </Paper>
      <Report made={made} />
    </Stack>
  );
}
