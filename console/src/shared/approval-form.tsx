/** What an approval asks for: a field for each, and the values as the API takes them. */
import { Button, Group, Modal, NumberInput, Select, Stack, Textarea, TextInput } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { Problem } from "~/api/problem";

type Kind = "text" | "number" | "integer" | "boolean" | "date" | "choice";
export type ApprovalField = {
  name: string;
  title?: string | null;
  type?: Kind;
  required?: boolean;
  default?: unknown;
  minimum?: number | string | null;
  maximum?: number | string | null;
  min_length?: number | null;
  max_length?: number | null;
  choices?: string[] | null;
};
export type Values = Record<string, unknown>;

/** The fields that a run's definition asks an approver to fill in. */
export const fieldsOf = (definition: Record<string, unknown>): ApprovalField[] =>
  Array.isArray(definition.approval_fields) ? (definition.approval_fields as ApprovalField[]) : [];

type FormProps = {
  id: string;
  fields: ApprovalField[];
  error: unknown;
  send: (values: Values) => void;
  children?: ReactNode;
};

/** A form; it is sent by a button of the type submit, in it or with its id. */
export function ApprovalForm({ id, fields, error, send, children }: FormProps) {
  const [texts, setTexts] = useState<Record<string, string>>(() =>
    Object.fromEntries(fields.map((field) => [field.name, field.default == null ? "" : String(field.default)])),
  );
  const [pressed, setPressed] = useState(false);
  const missing = (field: ApprovalField): boolean => Boolean(field.required) && texts[field.name] === "";
  const told = (field: ApprovalField): string | undefined => {
    if (pressed && missing(field)) return "This must be filled in.";
    return error instanceof Problem ? error.about(`values.${field.name}`) : undefined;
  };
  return (
    <form
      id={id}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        setPressed(true);
        if (!fields.some(missing)) send(valuesOf(fields, texts));
      }}
    >
      <Stack gap="sm">
        {fields.map((field) => (
          <Input
            key={field.name}
            field={field}
            text={texts[field.name] ?? ""}
            error={told(field)}
            change={(text) => setTexts((before) => ({ ...before, [field.name]: text }))}
          />
        ))}
        {children}
      </Stack>
    </form>
  );
}

type DialogProps = Omit<FormProps, "id" | "children"> & { title: string; busy: boolean; close: () => void };

/** The form in a dialog, with its buttons. */
export function ApprovalDialog({ title, busy, close, ...form }: DialogProps) {
  return (
    <Modal opened onClose={close} title={title} closeButtonProps={{ "aria-label": "Close" }}>
      <ApprovalForm id="approval" {...form}>
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>
            Not now
          </Button>
          <Button type="submit" loading={busy}>
            Approve
          </Button>
        </Group>
      </ApprovalForm>
    </Modal>
  );
}

type InputProps = { field: ApprovalField; text: string; error: string | undefined; change: (text: string) => void };

function Input({ field, text, error, change }: InputProps) {
  const common = {
    label: field.title || field.name,
    description: boundsOf(field) || undefined,
    error,
    withAsterisk: field.required,
  };
  switch (field.type) {
    case "number":
    case "integer":
      return (
        <NumberInput
          {...common}
          value={text}
          allowDecimal={field.type === "number"}
          onChange={(value) => change(String(value))}
        />
      );
    case "boolean":
    case "choice":
      return (
        <Select
          {...common}
          data={field.type === "boolean" ? ["true", "false"] : (field.choices ?? [])}
          value={text || null}
          onChange={(value) => change(value ?? "")}
          clearable={!field.required}
        />
      );
    case "date":
      return (
        <TextInput
          {...common}
          type="date"
          min={field.minimum == null ? undefined : String(field.minimum)}
          max={field.maximum == null ? undefined : String(field.maximum)}
          value={text}
          onChange={(event) => change(event.currentTarget.value)}
        />
      );
    default:
      return (
        <Textarea
          {...common}
          autosize
          minRows={1}
          maxRows={8}
          maxLength={field.max_length ?? 10_000}
          value={text}
          onChange={(event) => change(event.currentTarget.value)}
        />
      );
  }
}

function boundsOf(field: ApprovalField): string {
  const unit = field.type === "date" ? ["from", "until"] : ["at least", "at most"];
  return [
    field.minimum == null ? "" : `${unit[0]} ${field.minimum}`,
    field.maximum == null ? "" : `${unit[1]} ${field.maximum}`,
    field.min_length == null ? "" : `at least ${field.min_length} characters`,
    field.max_length == null ? "" : `at most ${field.max_length} characters`,
  ]
    .filter(Boolean)
    .join(", ");
}

/** What is filled in; a field that is left empty is left out. */
function valuesOf(fields: ApprovalField[], texts: Record<string, string>): Values {
  const given = fields.filter((field) => texts[field.name] !== "");
  return Object.fromEntries(given.map((field) => [field.name, readAs(field, texts[field.name] ?? "")]));
}

function readAs(field: ApprovalField, text: string): unknown {
  if (field.type === "boolean") return text === "true";
  if (field.type !== "number" && field.type !== "integer") return text;
  return Number.isFinite(Number(text)) ? Number(text) : text;
}
