/** Starts an automation by hand: a field for each of its inputs. */
import {
  Alert,
  Button,
  Group,
  Modal,
  NumberInput,
  PasswordInput,
  Select,
  Stack,
  Text,
  Textarea,
  TextInput,
} from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "~/api/client";
import { messageOf } from "~/api/problem";
import { useGo } from "~/app/navigate";
import type { OneAutomation } from "~/shared/automations";
import { lookAgain } from "./use-change";

type Declared = { type?: string | null; default?: unknown; required?: boolean; description?: string | null };

export function TriggerForm({ automation, close }: { automation: OneAutomation; close: () => void }) {
  const declared = Object.entries(automation.inputs) as [string, Declared][];
  const [texts, setTexts] = useState<Record<string, string>>({});
  const [pressed, setPressed] = useState(false);
  const [at, setAt] = useState("");
  const go = useGo();
  const read = declared.map(([name, input]) => ({ name, input, ...readAs(texts[name] ?? "", input) }));
  const start = useMutation({
    mutationFn: (inputs: Record<string, unknown>) =>
      ask(
        api.POST("/api/v1/automations/{automation_id}/trigger", {
          params: { path: { automation_id: automation.id } },
          body: { inputs, scheduledFor: at ? new Date(at).toISOString() : null },
        }),
      ),
    onSuccess: (run) => go(`/automation-runs/${run.runId}`),
    onSettled: lookAgain,
  });
  function send(): void {
    setPressed(true);
    if (read.some(({ wrong }) => wrong)) return;
    const given = read.filter(({ value }) => value !== undefined);
    start.mutate(Object.fromEntries(given.map(({ name, value }) => [name, value])));
  }
  return (
    <Modal opened onClose={close} title={`Start ${automation.name}`}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
      >
        <Stack>
          {declared.length === 0 && <Text size="sm">It has no inputs.</Text>}
          {automation.status === "paused" && (
            <Text size="sm" c="dimmed">
              It is paused: only its triggers are, so it starts by hand all the same.
            </Text>
          )}
          {read.map(({ name, input, wrong }, index) => (
            <Field
              key={name}
              name={name}
              input={input}
              text={texts[name] ?? ""}
              error={pressed ? wrong : undefined}
              first={index === 0}
              change={(text) => setTexts((before) => ({ ...before, [name]: text }))}
            />
          ))}
          <TextInput
            type="datetime-local"
            label="Start later"
            description="In your time zone; empty: now."
            value={at}
            onChange={(event) => setAt(event.currentTarget.value)}
          />
          {start.error && (
            <Alert color="red" title="It could not be started">
              {messageOf(start.error)}
            </Alert>
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              Cancel
            </Button>
            <Button type="submit" loading={start.isPending} data-autofocus={declared.length === 0 || undefined}>
              Start
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

type FieldProps = {
  name: string;
  input: Declared;
  text: string;
  error: string | undefined;
  first: boolean;
  change: (text: string) => void;
};

function Field({ name, input, text, error, first, change }: FieldProps) {
  const fallback = input.default === undefined || input.default === null ? "" : JSON.stringify(input.default);
  const common = {
    label: name,
    description: [input.description, input.type, fallback && `without a value: ${fallback}`]
      .filter(Boolean)
      .join(" · "),
    error,
    withAsterisk: isNeeded(input),
    "data-autofocus": first || undefined,
  };
  if (input.type === "boolean") {
    return (
      <Select
        {...common}
        data={["true", "false"]}
        value={text || null}
        onChange={(value) => change(value ?? "")}
        clearable
      />
    );
  }
  if (input.type === "integer" || input.type === "number") {
    return (
      <NumberInput
        {...common}
        value={text}
        allowDecimal={input.type === "number"}
        onChange={(value) => change(String(value))}
      />
    );
  }
  if (input.type === "object" || input.type === "array") {
    return (
      <Textarea
        {...common}
        placeholder={input.type === "object" ? '{"name": "value"}' : "[1, 2]"}
        autosize
        minRows={2}
        maxRows={10}
        ff="monospace"
        value={text}
        onChange={(event) => change(event.currentTarget.value)}
      />
    );
  }
  if (input.type === "secret") {
    return (
      <PasswordInput
        {...common}
        autoComplete="new-password"
        description={[input.description, "secret: encrypted, and never shown again"].filter(Boolean).join(" · ")}
        value={text}
        onChange={(event) => change(event.currentTarget.value)}
      />
    );
  }
  return <TextInput {...common} value={text} onChange={(event) => change(event.currentTarget.value)} />;
}

const isNeeded = (input: Declared): boolean =>
  input.required === true && (input.default === undefined || input.default === null);

/** What a text means for an input of this type; empty: nothing is given. */
function readAs(text: string, input: Declared): { value?: unknown; wrong?: string } {
  if (text === "") return isNeeded(input) ? { wrong: "This input is required." } : {};
  switch (input.type) {
    case "string":
    case "secret":
      return { value: text };
    case "boolean":
      return { value: text === "true" };
    case "integer":
    case "number":
      return Number.isFinite(Number(text)) ? { value: Number(text) } : { wrong: `${text} is not a number.` };
    case "object":
    case "array":
      return fromJson(text, input.type);
    default:
      // Without a type any value may stand there: what reads as JSON is that, anything else is text.
      return fromJson(text).wrong ? { value: text } : fromJson(text);
  }
}

function fromJson(text: string, type?: "object" | "array"): { value?: unknown; wrong?: string } {
  try {
    const value: unknown = JSON.parse(text);
    const fits = !type || (type === "array") === Array.isArray(value);
    return fits ? { value } : { wrong: `This is not an ${type}.` };
  } catch (error) {
    return { wrong: `This is not JSON: ${messageOf(error)}` };
  }
}
