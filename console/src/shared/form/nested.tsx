/** Fields that hold others: an object, a list, names with values, one of several forms. */
import { ActionIcon, Button, Collapse, Fieldset, Group, Select, Stack, Text, TextInput } from "@mantine/core";
import {
  IconArrowDown,
  IconArrowUp,
  IconChevronDown,
  IconChevronRight,
  IconPlus,
  IconTrash,
} from "@tabler/icons-react";
import { useState } from "react";
import { below, type FieldProps, idOf, useForm } from "./context";
import { Field } from "./field";
import classes from "./form.module.css";
import { isWrongBelow } from "./places";
import { resolve, type Schema, type Shape, shapeOf, words } from "./schema";
import { blank, choiceOf, isObject, withName } from "./value";

type Of<As extends Shape["as"]> = FieldProps & { shape: Extract<Shape, { as: As }> };

/** The fields of an object; those that are seldom set stand behind "More settings". `without`: drawn already. */
export function Properties({ shape, place, value, change, without }: Of<"object"> & { without?: string }) {
  const form = useForm();
  const names = Object.keys(shape.properties).filter(
    (name) => name !== without && !form.hidden.has(below(place, name)),
  );
  const shown = names.filter((name) => !isConstant(shape.properties[name] as Schema, form.root));
  const first = shown.filter((name) => shape.required.has(name));
  const later = shown.filter((name) => !shape.required.has(name) && !form.last.has(below(place, name)));
  const last = shown.filter((name) => !shape.required.has(name) && form.last.has(below(place, name)));
  const draw = (name: string) => (
    <Field
      key={name}
      schema={shape.properties[name] as Schema}
      name={name}
      label={words(name)}
      place={below(place, name)}
      required={shape.required.has(name)}
      value={isObject(value) ? value[name] : undefined}
      change={(next) => change(withName(value, name, next))}
    />
  );
  const isSet = (name: string): boolean =>
    (isObject(value) && value[name] !== undefined) || isWrongBelow(form.errors, below(place, name));
  return (
    <Stack gap="md">
      {[...first, ...later].map(draw)}
      {last.length > 0 && (
        <More key={String(last.some((name) => isWrongBelow(form.errors, below(place, name))))} open={last.some(isSet)}>
          {last.map(draw)}
        </More>
      )}
    </Stack>
  );
}

/** A constant says nothing to choose; where it must be there, the value begins with it. */
function isConstant(schema: Schema, root: Schema): boolean {
  const shape = shapeOf(schema, root);
  return shape.as === "const";
}

function More({ open: begins, children }: { open: boolean; children: React.ReactNode }) {
  const [open, setOpen] = useState(begins);
  const Sign = open ? IconChevronDown : IconChevronRight;
  return (
    <div>
      <Button
        size="compact-sm"
        variant="subtle"
        leftSection={<Sign size={16} aria-hidden />}
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        More settings
      </Button>
      <Collapse expanded={open}>
        <Stack gap="md" pt="md">
          {children}
        </Stack>
      </Collapse>
    </div>
  );
}

/** Something that may be left out: "Add" writes it, "Remove" takes it away. */
function Optional({
  shape,
  place,
  label,
  required,
  value,
  change,
  children,
  stays,
}: FieldProps & { stays?: boolean; shape: Shape; children: React.ReactNode }) {
  const form = useForm();
  const error = form.errors.get(place);
  const there = value !== undefined && value !== null;
  return (
    <Fieldset
      legend={
        <span>
          {label}
          {required && <span className={classes.star}> *</span>}
        </span>
      }
      className={classes.box}
      disabled={form.disabled}
    >
      {shape.description && (
        <Text size="xs" c="dimmed" mb="xs">
          {shape.description}
        </Text>
      )}
      {error && (
        <Text size="xs" c="red" role="alert" mb="xs">
          {error}
        </Text>
      )}
      {there && children}
      {!required && !stays && (
        <Group justify={there ? "flex-end" : "flex-start"} mt={there ? "xs" : 0}>
          <Button
            size="compact-xs"
            variant="subtle"
            color={there ? "red" : undefined}
            onClick={() => change(there ? undefined : (blank(shape.schema, form.root) ?? {}))}
            aria-label={`${there ? "Remove" : "Set"} ${label}`}
          >
            {there ? "Remove" : "Set"}
          </Button>
        </Group>
      )}
    </Fieldset>
  );
}

export function ObjectField(props: Of<"object">) {
  return (
    <Optional {...props} value={props.required ? (props.value ?? {}) : props.value}>
      <Properties {...props} />
    </Optional>
  );
}

export function ListField(props: Of<"list">) {
  const { shape, place, label, value, change } = props;
  const form = useForm();
  const items = Array.isArray(value) ? (value as unknown[]) : [];
  const move = (from: number, to: number): void => {
    const next = [...items];
    next.splice(to, 0, ...next.splice(from, 1));
    change(next);
  };
  const drop = (index: number): void => {
    const next = items.filter((_, each) => each !== index);
    change(next.length || props.required ? next : undefined);
  };
  const add = (): void => change([...items, startOf(shape.items, form.root)]);
  return (
    <Optional {...props} value={items} stays>
      <Stack gap="xs">
        {items.map((item, index) => (
          <div key={index} className={classes.entry}>
            <div className={classes.grow}>
              <Field
                schema={shape.items}
                name={props.name}
                label={`${label} ${index + 1}`}
                place={below(place, index)}
                required
                value={item}
                change={(next) => change(items.map((each, at) => (at === index ? (next ?? null) : each)))}
              />
            </div>
            <Group gap={2} wrap="nowrap" className={classes.tools}>
              <Tool
                label={`Move ${label} ${index + 1} up`}
                icon={IconArrowUp}
                off={index === 0}
                press={() => move(index, index - 1)}
              />
              <Tool
                label={`Move ${label} ${index + 1} down`}
                icon={IconArrowDown}
                off={index === items.length - 1}
                press={() => move(index, index + 1)}
              />
              <Tool label={`Remove ${label} ${index + 1}`} icon={IconTrash} press={() => drop(index)} />
            </Group>
          </div>
        ))}
        <Add label={`Add to ${label}`} press={add} />
      </Stack>
    </Optional>
  );
}

const startOf = (schema: Schema, root: Schema): unknown => {
  const found = blank(schema, root);
  if (found !== undefined) return found;
  return shapeOf(schema, root).as === "text" ? "" : null;
};

function Tool({
  label,
  icon: Sign,
  press,
  off,
}: {
  label: string;
  icon: typeof IconTrash;
  press: () => void;
  off?: boolean;
}) {
  return (
    <ActionIcon variant="subtle" color="gray" aria-label={label} title={label} onClick={press} disabled={off}>
      <Sign size={16} aria-hidden />
    </ActionIcon>
  );
}

const Add = ({ label, press }: { label: string; press: () => void }) => (
  <Group>
    <Button
      size="compact-xs"
      variant="default"
      leftSection={<IconPlus size={14} aria-hidden />}
      onClick={press}
      aria-label={label}
    >
      Add
    </Button>
  </Group>
);

/** Names with values. A name that is typed becomes one when the field is left, so that no two are ever the same. */
export function MapField(props: Of<"map">) {
  const { shape, place, label, value, change } = props;
  const form = useForm();
  const entries = isObject(value) ? Object.entries(value) : [];
  const rename = (before: string, name: string): void =>
    change(Object.fromEntries(entries.map(([each, held]) => [each === before ? name : each, held])));
  const drop = (name: string): void => {
    const next = withName(value, name, undefined);
    change(Object.keys(next).length || props.required ? next : undefined);
  };
  return (
    <Optional {...props} value={isObject(value) ? value : {}} stays>
      <Stack gap="xs">
        {entries.map(([name, held]) => (
          <div key={name} className={classes.entry}>
            <NameField
              label={label}
              name={name}
              taken={entries.map(([each]) => each)}
              rename={(next) => rename(name, next)}
            />
            <div className={classes.grow}>
              <Field
                schema={shape.values}
                name={name}
                label={`Value of ${name || "the new name"}`}
                place={below(place, name)}
                required
                value={held}
                change={(next) => change(withName(value, name, next ?? startOf(shape.values, form.root)))}
              />
            </div>
            <div className={classes.tools}>
              <Tool
                label={`Remove ${name || "the new name"} from ${label}`}
                icon={IconTrash}
                press={() => drop(name)}
              />
            </div>
          </div>
        ))}
        {!entries.some(([name]) => name === "") && (
          <Add
            label={`Add to ${label}`}
            press={() => change({ ...(isObject(value) ? value : {}), "": startOf(shape.values, form.root) })}
          />
        )}
      </Stack>
    </Optional>
  );
}

type NameProps = { label: string; name: string; taken: string[]; rename: (name: string) => void };

function NameField({ label, name, taken, rename }: NameProps) {
  const { disabled } = useForm();
  const [text, setText] = useState(name);
  const double = text !== name && taken.includes(text);
  return (
    <TextInput
      className={classes.name}
      label="Name"
      aria-label={`Name in ${label}`}
      disabled={disabled}
      value={text}
      error={double ? "This name is there already." : undefined}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={() => !double && text !== name && rename(text)}
    />
  );
}

/** One of several forms: which, and its fields. A form keeps what it has in common with the one before. */
export function ChoiceField(props: Of<"choice">) {
  const { shape, place, label, required, value, change } = props;
  const form = useForm();
  const found = choiceOf(value, shape.choices, shape.by);
  const [picked, setPicked] = useState(found);
  const at = found >= 0 ? found : value === undefined || value === null ? picked : found;
  const chosen = shape.choices[at];
  const pick = (text: string | null): void => {
    const next = text === null ? -1 : Number(text);
    setPicked(next);
    change(next < 0 ? undefined : carried(value, (shape.choices[next] as { schema: Schema }).schema, form.root));
  };
  const fallback = shape.by && isObject(shape.fallback) ? String(shape.fallback[shape.by] ?? "") : "";
  return (
    <Fieldset legend={label} className={classes.box} disabled={form.disabled}>
      <Stack gap="sm">
        <Select
          id={idOf(form, place)}
          label={shape.by ? words(shape.by) : "What it is"}
          aria-label={`${label}: ${shape.by ? words(shape.by) : "what it is"}`}
          description={shape.description}
          inputWrapperOrder={["label", "input", "error", "description"]}
          error={form.errors.get(place)}
          withAsterisk={required}
          clearable={!required}
          clearButtonProps={{ "aria-label": `Clear ${label}` }}
          placeholder={fallback ? `Default: ${fallback}` : "Choose"}
          data={shape.choices.map((each, index) => ({ value: String(index), label: each.label }))}
          value={at >= 0 ? String(at) : null}
          onChange={pick}
        />
        {chosen && <Chosen {...props} schema={chosen.schema} />}
      </Stack>
    </Fieldset>
  );
}

function Chosen(props: Of<"choice">) {
  const { root } = useForm();
  const inner = shapeOf(props.schema, root);
  if (inner.as === "object") {
    return (
      <>
        {inner.description && (
          <Text size="xs" c="dimmed">
            {inner.description}
          </Text>
        )}
        <Properties {...props} shape={inner} without={props.shape.by} />
      </>
    );
  }
  return <Field {...props} schema={{ ...inner.schema, description: undefined }} required />;
}

function carried(value: unknown, schema: Schema, root: Schema): unknown {
  const begins = blank(schema, root);
  const known = resolve(schema, root).properties;
  if (!isObject(begins) || !isObject(value) || !known) return begins;
  return { ...Object.fromEntries(Object.entries(value).filter(([name]) => name in known)), ...begins };
}
