import { Button, Group, Paper, Select, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, ask } from "~/api/client";
import { Problem } from "~/api/problem";
import type { Schemas } from "~/api/types";
import { useRefusal } from "~/app/me";
import { queries } from "~/app/queries";
import { ActionForm, labelsOf, wordsOf } from "~/shared/catalogue/action-form";
import { useDefinitionSchema } from "~/shared/catalogue/queries";
import type { Schema } from "~/shared/form/schema";
import { Failure, Waiting } from "~/shared/states";

export type Action = Schemas["ActionShape"] & { etag: string | null };

const draftOf = (action: Action) => ({
  name: action.name,
  slug: action.slug,
  connectionId: action.connectionId,
  labels: wordsOf(action.labels),
  expose: action.expose,
  definition: action.definition,
});

export const sourceOf = (action: Pick<Action, "definition">): string | undefined =>
  typeof action.definition.source === "string" ? action.definition.source : undefined;

/** What is typed stays, whatever comes from the API meanwhile; saving says what it was made from. */
export function Edit({ action }: { action: Action }) {
  const [based, setBased] = useState(action);
  const [draft, change] = useState(() => draftOf(action));
  const [status, setStatus] = useState(action.status);
  const refusal = useRefusal("operator");
  const { schema, waits } = useDefinitionSchema(action.kind, sourceOf(action));
  const saving = useMutation({
    mutationFn: async () => {
      const { labels, ...plain } = draft;
      const request = api.PATCH("/api/v1/actions/{action_id}", {
        params: { path: { action_id: action.id }, header: { "If-Match": based.etag } },
        body: { ...plain, labels: labelsOf(labels), status },
      });
      const changed = await ask(request);
      return { ...changed, etag: (await request).response.headers.get("etag") };
    },
    onSuccess: (changed) => {
      setBased(changed);
      change(draftOf(changed));
      queries.setQueryData(["action", action.id], changed);
      void queries.invalidateQueries({ queryKey: ["actions"] });
      void queries.invalidateQueries({ queryKey: ["names"] });
      notifications.show({ color: "teal", message: "Saved." });
    },
  });
  function send(event: FormEvent): void {
    event.preventDefault();
    saving.mutate();
  }
  function again(): void {
    setBased(action);
    change(draftOf(action));
    setStatus(action.status);
    saving.reset();
  }
  if (waits) return <Waiting />;
  const overtaken = based.etag !== action.etag;
  return (
    <Paper withBorder p="lg" maw={820} component="form" onSubmit={send} noValidate>
      <Stack>
        <ActionForm draft={draft} change={change} schema={schema as Schema | null} error={saving.error} />
        <Select
          label="Status"
          description="A disabled action cannot be run."
          data={[
            { value: "active", label: "Active" },
            { value: "disabled", label: "Disabled" },
          ]}
          allowDeselect={false}
          value={status}
          onChange={(value) => setStatus((value as Action["status"]) ?? status)}
        />
        {saving.error && <Failure error={saving.error} />}
        {(overtaken || (saving.error instanceof Problem && saving.error.status === 412)) && (
          <Text size="sm">
            Somebody has changed this action meanwhile. What you typed is still here; saving it would be refused. Copy
            what you need, then load theirs.
          </Text>
        )}
        <Group>
          <Button type="submit" loading={saving.isPending} disabled={refusal !== undefined} title={refusal}>
            Save
          </Button>
          <Button variant="default" onClick={again}>
            {overtaken ? "Load theirs" : "Take back what I typed"}
          </Button>
        </Group>
      </Stack>
    </Paper>
  );
}
