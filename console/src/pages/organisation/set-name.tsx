/** The forms that set a variable or a secret. */
import { Alert, Button, Group, NativeSelect, Paper, PasswordInput, Stack, Textarea, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { api, ask } from "~/api/client";
import { messageOf } from "~/api/problem";
import type { Schemas } from "~/api/types";

type Secret = Schemas["ListedSecretShape"];
type Variable = Schemas["ListedVariableShape"];
type Props = {
  given: Secret | Variable | undefined;
  done: (name: string) => void;
  cancel: () => void;
  refusal: string | undefined;
};

export function SetVariable(props: Props) {
  const before = props.given && "value" in props.given ? props.given.value : "";
  const [as, setAs] = useState(typeof before === "string" ? "text" : "json");
  const [value, setValue] = useState(typeof before === "string" ? before : JSON.stringify(before, null, 2));
  const send = (name: string, description: string | null) =>
    ask(
      api.PUT("/api/v1/variables/{name}", {
        params: { path: { name } },
        body: { value: as === "text" ? value : read(value), description },
      }),
    );
  return (
    <SetName noun="variable" {...props} send={send} clear={() => setValue("")}>
      <NativeSelect
        label="The value is"
        data={[
          { value: "text", label: "text" },
          { value: "json", label: "JSON: a number, a list, an object" },
        ]}
        value={as}
        onChange={(event) => setAs(event.currentTarget.value)}
      />
      <Textarea
        label="Value"
        autosize
        maxRows={12}
        styles={{ input: { fontFamily: "monospace" } }}
        value={value}
        onChange={(event) => setValue(event.currentTarget.value)}
      />
    </SetName>
  );
}

export function SetSecret(props: Props) {
  const [value, setValue] = useState("");
  const send = (name: string, description: string | null) =>
    ask(
      api.PUT("/api/v1/secrets/{name}", {
        params: { path: { name } },
        body: { ...(value ? { value } : {}), description },
      }),
    );
  return (
    <SetName noun="secret" {...props} send={send} clear={() => setValue("")}>
      <PasswordInput
        label="Value"
        description={
          props.given ? "Left empty, the one that is set stays." : "At least 4 characters. Nobody sees it again."
        }
        required={!props.given}
        autoComplete="off"
        visibilityToggleButtonProps={{ "aria-label": "Show or hide the value" }}
        value={value}
        onChange={(event) => setValue(event.currentTarget.value)}
      />
    </SetName>
  );
}

function read(text: string): NonNullable<Schemas["VariableBody"]["value"]> {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`This is not JSON: ${messageOf(error)}. Mend it, or say that the value is text.`);
  }
}

type SetProps = Props & {
  noun: string;
  send: (name: string, description: string | null) => Promise<unknown>;
  clear: () => void;
  children: ReactNode;
};

function SetName({ noun, given, send, done, clear, cancel, refusal, children }: SetProps) {
  const [name, setName] = useState(given?.name ?? "");
  const [description, setDescription] = useState(given?.description ?? "");
  const set = useMutation({
    mutationFn: async () => send(name.trim(), description.trim() || null),
    onSuccess: () => {
      setName("");
      setDescription("");
      clear();
      done(name.trim());
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    set.mutate();
  };
  return (
    <Paper withBorder p="md" component="form" onSubmit={submit} aria-label={`Set a ${noun}`}>
      <Stack gap="sm">
        {set.error && <Alert color="red" role="alert" title={messageOf(set.error)} />}
        <Group align="flex-end" gap="sm">
          <TextInput
            label={`Name of the ${noun}`}
            required
            maxLength={100}
            readOnly={!!given}
            style={{ flex: "1 1 200px" }}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <TextInput
            label="What it is for"
            maxLength={1000}
            style={{ flex: "2 1 240px" }}
            value={description}
            onChange={(event) => setDescription(event.currentTarget.value)}
          />
        </Group>
        {children}
        <Group>
          <Button type="submit" loading={set.isPending} disabled={!!refusal || !name.trim()} title={refusal}>
            {given ? `Change ${given.name}` : `Set the ${noun}`}
          </Button>
          {given && (
            <Button variant="default" onClick={cancel}>
              Leave it
            </Button>
          )}
        </Group>
      </Stack>
    </Paper>
  );
}
