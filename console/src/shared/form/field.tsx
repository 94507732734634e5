import type { FieldProps } from "./context";
import { useForm } from "./context";
import { ChoiceField, ListField, MapField, ObjectField } from "./nested";
import { BooleanField, EnumField, JsonField, NumberField, SecretField, TextField } from "./scalars";
import { resolve, shapeOf } from "./schema";
import { isKeptSecret, isMarkedSecret } from "./value";

/** The field for what the schema asks at this place. */
export function Field(props: FieldProps) {
  const { root, widgets, errors } = useForm();
  const shape = shapeOf(resolve(props.schema, root), root);
  const own = widgets[props.place.replace(/\.\d+(?=\.|$)/g, ".*")];
  if (own) return own({ ...props, error: errors.get(props.place), description: shape.description });
  if (shape.as !== "text" && (isKeptSecret(props.value) || isMarkedSecret(props.value))) {
    const text = { ...shape, as: "text" as const, secret: "may" as const, long: false };
    return <SecretField {...props} shape={text} />;
  }
  switch (shape.as) {
    case "text":
      return <TextField {...props} shape={shape} />;
    case "number":
      return <NumberField {...props} shape={shape} />;
    case "boolean":
      return <BooleanField {...props} shape={shape} />;
    case "enum":
      return <EnumField {...props} shape={shape} />;
    case "object":
      return <ObjectField {...props} shape={shape} />;
    case "list":
      return <ListField {...props} shape={shape} />;
    case "map":
      return <MapField {...props} shape={shape} />;
    case "choice":
      return <ChoiceField {...props} shape={shape} />;
    case "const":
      return null;
    case "json":
      return <JsonField {...props} shape={shape} />;
  }
}
