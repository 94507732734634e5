import { Button, Checkbox, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { api, ask } from "~/api/client";
import { useGo } from "~/app/navigate";
import { HIDDEN, SELDOM } from "~/shared/catalogue/action-form";
import { useDefinitionSchema } from "~/shared/catalogue/queries";
import { SchemaForm } from "~/shared/form/form";
import { errorsAt } from "~/shared/form/places";
import type { Schema, Values } from "~/shared/form/schema";
import { isObject } from "~/shared/form/value";
import { Failure, Waiting } from "~/shared/states";
import { type Action, sourceOf } from "./edit";

/** Runs the action as it is, or with other values for this one run. */
export function RunNow({ action, close }: { action: Action; close: () => void }) {
  const [open, setOpen] = useState(false);
  const [value, setValue] = useState<Values>(action.definition);
  const [later, setLater] = useState("");
  // One key for this form: pressing twice, or a lost answer, starts one run.
  const [key] = useState(() => crypto.randomUUID());
  const go = useGo();
  const { schema, waits } = useDefinitionSchema(action.kind, sourceOf(action));
  const overrides = useMemo(() => mergeOf(action.definition, value), [action.definition, value]);
  const run = useMutation({
    mutationFn: () =>
      ask(
        api.POST("/api/v1/actions/{action_id}/run", {
          params: { path: { action_id: action.id }, header: { Prefer: "respond-async" } },
          body: {
            definitionOverrides: overrides ?? null,
            idempotencyKey: `console-${key}`,
            scheduledFor: later ? new Date(later).toISOString() : null,
          },
        }),
      ),
    onSuccess: (made) => go(`/runs/${made.id}`),
  });
  const errors = useMemo(() => errorsAt(run.error, "definition", value), [run.error, value]);
  const others = useMemo(() => errorsAt(run.error, "definitionOverrides", value), [run.error, value]);
  const at = errors.size ? errors : others;
  return (
    <Modal opened onClose={close} title={`Run ${action.name}`} size={open ? "xl" : "md"}>
      <Stack>
        <Checkbox
          label="With other values, for this run only"
          checked={open}
          onChange={(event) => setOpen(event.currentTarget.checked)}
        />
        {open && waits && <Waiting />}
        {open && !waits && (
          <SchemaForm
            schema={(schema as Schema | null) ?? { type: "object" }}
            value={value}
            onChange={setValue}
            errors={at}
            hide={HIDDEN}
            last={SELDOM}
            name="the definition"
          />
        )}
        {open && (
          <Text size="xs" c="dimmed">
            {overrides ? `Changed: ${Object.keys(overrides).join(", ")}` : "Nothing is changed yet."}
          </Text>
        )}
        <TextInput
          type="datetime-local"
          label="Start"
          description="Empty: at once. In your own time zone."
          value={later}
          error={run.error && errorsAt(run.error, "scheduledFor", undefined).get("")}
          onChange={(event) => setLater(event.currentTarget.value)}
        />
        {run.error && <Failure error={run.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>
            Not now
          </Button>
          <Button loading={run.isPending} onClick={() => run.mutate()} data-autofocus>
            {later ? "Run then" : "Run"}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

/** What turns one definition into the other by RFC 7396: only what differs; null takes a name away. */
export function mergeOf(before: Values, after: Values): Values | undefined {
  const found: Values = {};
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [from, to] = [before[name], after[name]];
    if (JSON.stringify(from) === JSON.stringify(to)) continue;
    if (isObject(from) && isObject(to)) found[name] = mergeOf(from, to) ?? to;
    else found[name] = to === undefined ? null : to;
  }
  return Object.keys(found).length ? found : undefined;
}
