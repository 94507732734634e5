/** A form drawn from a JSON Schema, and the same value as JSON. What is not filled in is not written. */
import { Alert, Group, SegmentedControl, Stack, Textarea } from "@mantine/core";
import { IconAlertCircle } from "@tabler/icons-react";
import { useId, useMemo, useState } from "react";
import { Context, type Widgets } from "./context";
import { Field } from "./field";
import classes from "./form.module.css";
import { Properties } from "./nested";
import { type Errors, NO_ERRORS } from "./places";
import { type Schema, shapeOf, type Values } from "./schema";
import { isObject } from "./value";

type Props = {
  schema: Schema;
  value: Values;
  onChange: (value: Values) => void;
  /** What the API said, by place: `errorsAt(problem, "definition", value)`. */
  errors?: Errors;
  /** Names that the page draws elsewhere, or that nobody fills in. */
  hide?: readonly string[];
  /** Names that are seldom set: behind "More settings". */
  last?: readonly string[];
  /** Fields that the page draws itself, by place. */
  widgets?: Widgets;
  disabled?: boolean;
  /** No JSON view: what is typed must not be seen. */
  formOnly?: boolean;
  /** What the value is, for those who hear the page: "the definition". */
  name: string;
};

const CODE = { input: classes.code };
const NOTHING: readonly string[] = [];

export function SchemaForm(props: Props) {
  const { schema, value, onChange, errors = NO_ERRORS, hide = NOTHING, last = NOTHING, name, disabled = false } = props;
  const [as, setAs] = useState<"form" | "json">("form");
  const id = useId();
  const context = useMemo(
    () => ({
      root: schema,
      errors,
      disabled,
      id,
      last: new Set(last),
      hidden: new Set(hide),
      widgets: props.widgets ?? {},
    }),
    [schema, errors, disabled, id, last, hide, props.widgets],
  );
  const shape = shapeOf(schema, schema);
  const field = {
    schema,
    name: "",
    label: "",
    place: "",
    required: true,
    value,
    change: (next: unknown) => onChange(isObject(next) ? next : {}),
  };
  return (
    <Context.Provider value={context}>
      <Stack gap="md">
        {!props.formOnly && (
          <Group justify="flex-end">
            <SegmentedControl
              size="xs"
              aria-label={`How ${name} is shown`}
              value={as}
              onChange={(next) => setAs(next as "form" | "json")}
              data={[
                { value: "form", label: "Form" },
                { value: "json", label: "JSON" },
              ]}
            />
          </Group>
        )}
        <Unplaced errors={errors} schema={schema} hide={hide} all={as === "json"} />
        {as === "json" && <Raw name={name} value={value} onChange={onChange} disabled={disabled} />}
        {as === "form" && shape.as === "object" && <Properties {...field} shape={shape} />}
        {as === "form" && shape.as !== "object" && <Field {...field} label="Fields" />}
      </Stack>
    </Context.Provider>
  );
}

/** Errors that belong to no field that is drawn, or to all of the value. */
type UnplacedProps = { errors: Errors; schema: Schema; hide: readonly string[]; all: boolean };

function Unplaced({ errors, schema, hide, all }: UnplacedProps) {
  const shape = shapeOf(schema, schema);
  const drawn = shape.as === "object" ? shape.properties : undefined;
  const isDrawn = (name: string): boolean => (drawn ? name in drawn && !hide.includes(name) : true);
  const left = [...errors].filter(([place]) => all || place === "" || !isDrawn(place.split(".")[0] ?? ""));
  if (left.length === 0) return null;
  return (
    <Alert color="red" icon={<IconAlertCircle aria-hidden />} role="alert">
      {left.map(([place, message]) => (
        <div key={place}>{place ? `${place}: ${message}` : message}</div>
      ))}
    </Alert>
  );
}

/** The value as JSON. While it is none, the last that was one stays. */
function Raw({ name, value, onChange, disabled }: Pick<Props, "name" | "value" | "onChange" | "disabled">) {
  const [text, setText] = useState(() => JSON.stringify(value, null, 2));
  const [wrong, setWrong] = useState<string>();
  function change(next: string): void {
    setText(next);
    try {
      const found: unknown = JSON.parse(next);
      if (!isObject(found)) throw new Error("a JSON object is wanted, in braces: {…}");
      setWrong(undefined);
      onChange(found);
    } catch (error) {
      setWrong(`Not taken over yet: ${(error as Error).message}`);
    }
  }
  return (
    <Textarea
      aria-label={`JSON of ${name}`}
      value={text}
      error={wrong}
      disabled={disabled}
      autosize
      minRows={8}
      maxRows={30}
      classNames={CODE}
      spellCheck={false}
      onChange={(event) => change(event.currentTarget.value)}
    />
  );
}
