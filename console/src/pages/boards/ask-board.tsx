/** A whole flashboard from one question: a run has a model make it, and its page opens when it is there. */
import { Button, Group, Paper, Select, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, ask } from "~/api/client";
import type { Run } from "~/api/types";
import { useRefusal } from "~/app/me";
import { useGo } from "~/app/navigate";
import { queries } from "~/app/queries";
import { PageLink } from "~/shared/link";
import { Failure } from "~/shared/states";
import { isLive } from "~/shared/status";
import { tell } from "~/shared/tell";

const DEFAULT = "";

export function AskBoard() {
  const [question, setQuestion] = useState("");
  const [model, setModel] = useState<string | null>(null);
  const [run, setRun] = useState<Run>();
  const refusal = useRefusal("operator");
  const go = useGo();
  const models = useQuery({
    queryKey: ["models"],
    queryFn: ({ signal }) => ask(api.GET("/api/v1/models", { signal })),
    staleTime: 60_000,
  });
  const standard = models.data?.default;
  const choices = [
    ...(standard ? [{ value: DEFAULT, label: `Default (${standard})` }] : []),
    ...(models.data?.models ?? [])
      .filter((each) => each.allowed)
      .slice(0, 200)
      .map((each) => ({ value: each.name, label: each.name })),
  ];
  const chosen = model ?? choices[0]?.value ?? DEFAULT;
  const making = useMutation({
    mutationFn: () => make(question.trim(), chosen, setRun),
    onSuccess: (made) => {
      void queries.invalidateQueries({ queryKey: ["boards"] });
      if (made.status !== "completed") return;
      const left = Array.isArray(made.result?.left_out) ? made.result.left_out.length : 0;
      if (left > 0) tell(`Left out, since their queries failed: ${left}. The run of version 1 says which.`);
      go(`/boards/${String(made.result?.slug)}`);
    },
  });
  const failed = making.data && making.data.status !== "completed" ? making.data : undefined;
  const send = (event: FormEvent): void => {
    event.preventDefault();
    if (question.trim() && !refusal && !making.isPending) making.mutate();
  };
  return (
    <Paper withBorder p="md" component="form" onSubmit={send} aria-label="Make a flashboard of a question">
      <Stack gap="sm">
        <TextInput
          label="Make one of a question"
          description="A language model writes its tiles and their SQL once; you can change them, and a refresh needs no model."
          placeholder="How do orders and revenue develop?"
          maxLength={4_000}
          value={question}
          onChange={(event) => setQuestion(event.currentTarget.value)}
        />
        <Group justify="space-between" gap="sm">
          {choices.length > 0 ? (
            <Select
              aria-label="Model"
              data={choices}
              value={chosen}
              onChange={(value) => setModel(value ?? DEFAULT)}
              searchable
              allowDeselect={false}
              w={300}
              maw="100%"
            />
          ) : (
            <Text size="sm" c="dimmed" style={{ flex: 1 }}>
              {models.data ? (
                <>
                  It needs a language model:{" "}
                  <PageLink to="/connections/new?provider=openai_compatible" underline="always">
                    connect one
                  </PageLink>
                  .
                </>
              ) : null}
            </Text>
          )}
          <Button type="submit" loading={making.isPending} disabled={!question.trim() || !!refusal} title={refusal}>
            Make it
          </Button>
        </Group>
        {making.isPending && run && (
          <Text size="sm" role="status">
            A model designs it, and each query is tried. <PageLink to={`/runs/${run.id}`}>Its run</PageLink> says how
            far it is; you may leave this page.
          </Text>
        )}
        {making.error && <Failure error={making.error} />}
        {failed && <Failure error={new Error(String(failed.error?.message ?? `The run is ${failed.status}.`))} />}
        {failed && <PageLink to={`/runs/${failed.id}`}>Its run</PageLink>}
      </Stack>
    </Paper>
  );
}

async function make(question: string, model: string, begun: (run: Run) => void): Promise<Run> {
  const definition = model === DEFAULT ? { question } : { question, model };
  const body = { kind: "create_flashboard", definition, labels: { from: "console" } } as const;
  let run: Run = await ask(api.POST("/api/v1/action-runs", { params: { header: { Prefer: "respond-async" } }, body }));
  begun(run);
  while (isLive(run.status)) {
    const params = { path: { run_id: run.id }, header: { Prefer: "wait=30" } };
    run = await ask<Run>(api.GET("/api/v1/action-runs/{run_id}", { params }));
  }
  return run;
}
