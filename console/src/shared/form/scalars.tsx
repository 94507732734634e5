/** Fields of one value: text, number, yes or no, one of some words, JSON. */
import {
  Autocomplete,
  Button,
  Group,
  NumberInput,
  PasswordInput,
  Select,
  Stack,
  Text,
  Textarea,
  TextInput,
} from "@mantine/core";
import { useState } from "react";
import { type FieldProps, idOf, useForm } from "./context";
import classes from "./form.module.css";
import type { Shape } from "./schema";
import { isKeptSecret, isMarkedSecret, marked, told } from "./value";

const CODE = { input: classes.code };

type Of<As extends Shape["as"]> = FieldProps & { shape: Extract<Shape, { as: As }> };

function useCommon({ place, label, required, shape }: FieldProps & { shape: Shape }) {
  const form = useForm();
  return {
    id: idOf(form, place),
    label,
    description: shape.description,
    error: form.errors.get(place),
    withAsterisk: required,
    disabled: form.disabled,
    inputWrapperOrder: ["label", "input", "error", "description"] as ("label" | "input" | "error" | "description")[],
  };
}

const hintOf = (shape: Shape): string => {
  const example = shape.schema.examples?.[0];
  return told(shape.fallback) || (typeof example === "string" ? `Such as ${example}` : "");
};

export function TextField(props: Of<"text">) {
  const { shape, value, change } = props;
  const common = useCommon(props);
  const hidden = shape.secret === "may" && (isKeptSecret(value) || isMarkedSecret(value));
  if (hidden || shape.secret === "is") return <SecretField {...props} />;
  const text = value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value);
  const rest = {
    ...common,
    value: text,
    placeholder: hintOf(shape),
    onChange: (event: { currentTarget: { value: string } }) => change(event.currentTarget.value || undefined),
  };
  const field =
    shape.long || text.includes("\n") ? (
      <Textarea {...rest} autosize minRows={2} maxRows={16} classNames={props.name === "sql" ? CODE : undefined} />
    ) : shape.schema.format === "date" ? (
      <TextInput {...rest} placeholder={rest.placeholder || "2026-01-31"} />
    ) : (
      <TextInput {...rest} />
    );
  if (shape.secret === "no") return field;
  return (
    <Stack gap={4}>
      {field}
      <Group>
        <Button
          size="compact-xs"
          variant="subtle"
          disabled={common.disabled}
          onClick={() => change(marked(text))}
          aria-label={`Keep ${props.label} secret`}
        >
          Keep it secret
        </Button>
      </Group>
    </Stack>
  );
}

/** A write-only value: that it is set is all that anybody sees; it is replaced, or taken away. */
export function SecretField(props: Of<"text">) {
  const { shape, value, change } = props;
  const common = useCommon(props);
  const [kept] = useState(() => (isKeptSecret(value) ? value : undefined));
  const [replaces, setReplaces] = useState(false);
  if (isKeptSecret(value) && !replaces) {
    return <KeptSecret {...common} replace={() => setReplaces(true)} remove={() => change(undefined)} />;
  }
  const text = isMarkedSecret(value) ? String(value.value ?? "") : typeof value === "string" ? value : "";
  const write = (next: string): unknown => (shape.secret === "is" ? next : marked(next));
  return (
    <PasswordInput
      {...common}
      autoComplete="new-password"
      visibilityToggleButtonProps={{ "aria-label": `Show ${props.label}` }}
      placeholder={kept === undefined ? hintOf(shape) : "Empty: the one that is set stays"}
      value={text}
      onChange={(event) => change(event.currentTarget.value ? write(event.currentTarget.value) : kept)}
    />
  );
}

type KeptProps = {
  label: string;
  description?: string;
  error?: string;
  disabled: boolean;
  replace: () => void;
  remove?: () => void;
};

export function KeptSecret({ label, description, error, disabled, replace, remove }: KeptProps) {
  return (
    <Stack gap={4} role="group" aria-label={label}>
      <Text size="sm" fw={500}>
        {label}
      </Text>
      <Group gap="xs">
        <Text size="sm" c="dimmed">
          Is set, and never shown
        </Text>
        <Button
          size="compact-xs"
          variant="default"
          disabled={disabled}
          onClick={replace}
          aria-label={`Replace ${label}`}
        >
          Replace
        </Button>
        {remove && (
          <Button
            size="compact-xs"
            variant="subtle"
            color="red"
            disabled={disabled}
            onClick={remove}
            aria-label={`Remove ${label}`}
          >
            Remove
          </Button>
        )}
      </Group>
      {error && (
        <Text size="xs" c="red" role="alert">
          {error}
        </Text>
      )}
      {description && (
        <Text size="xs" c="dimmed">
          {description}
        </Text>
      )}
    </Stack>
  );
}

export function NumberField(props: Of<"number">) {
  const { shape, value, change } = props;
  const { minimum, maximum } = shape.schema;
  return (
    <NumberInput
      {...useCommon(props)}
      placeholder={hintOf(shape)}
      allowDecimal={!shape.whole}
      allowNegative={minimum === undefined || minimum < 0}
      min={minimum}
      max={maximum}
      clampBehavior="none"
      hideControls
      value={typeof value === "number" || typeof value === "string" ? value : ""}
      onChange={(next) => change(next === "" ? undefined : next)}
    />
  );
}

export function BooleanField(props: Of<"boolean">) {
  const { shape, value, change, required } = props;
  return (
    <Select
      {...useCommon(props)}
      data={[
        { value: "true", label: "Yes" },
        { value: "false", label: "No" },
      ]}
      placeholder={hintOf(shape) || "Not set"}
      clearable={!required}
      clearButtonProps={{ "aria-label": `Clear ${props.label}` }}
      value={typeof value === "boolean" ? String(value) : null}
      onChange={(next) => change(next === null ? undefined : next === "true")}
    />
  );
}

export function EnumField(props: Of<"enum">) {
  const { shape, value, change, required } = props;
  const common = useCommon(props);
  const byText = new Map(shape.options.map((each) => [String(each), each]));
  const shown = value === undefined || value === null ? null : String(value);
  const data = [...byText.keys()].map((each) => ({ value: each, label: each === "" ? "(empty)" : each }));
  if (shown !== null && !byText.has(shown)) {
    // What was written elsewhere is shown as it is; the API says whether it is right.
    return (
      <Autocomplete
        {...common}
        data={[...byText.keys()]}
        value={shown}
        onChange={(next) => change(next || undefined)}
      />
    );
  }
  return (
    <Select
      {...common}
      data={data}
      placeholder={hintOf(shape) || "Choose"}
      clearable={!required}
      clearButtonProps={{ "aria-label": `Clear ${props.label}` }}
      searchable={data.length > 8}
      value={shown}
      onChange={(next) => change(next === null ? undefined : byText.get(next))}
    />
  );
}

/** A value of any form, as JSON. What is not JSON yet stays in the field, and the value as it was. */
export function JsonField(props: FieldProps & { shape: Shape }) {
  const { value, change } = props;
  const common = useCommon(props);
  const written = value === undefined ? "" : JSON.stringify(value, null, 2);
  const [draft, setDraft] = useState<string>();
  const wrong = draft !== undefined && draft.trim() !== "" && parsed(draft) === undefined;
  return (
    <Textarea
      {...common}
      error={wrong ? "This is not JSON yet: a text stands in double quotes." : common.error}
      placeholder={'JSON: "text", 42, true, [1, 2], {"name": "value"}'}
      autosize
      minRows={2}
      maxRows={16}
      classNames={CODE}
      value={draft ?? written}
      onChange={(event) => {
        const text = event.currentTarget.value;
        setDraft(text);
        const found = parsed(text);
        if (text.trim() === "") change(undefined);
        else if (found !== undefined) change(found.value);
      }}
      onBlur={() => !wrong && setDraft(undefined)}
    />
  );
}

export function parsed(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}
