import { createContext, type ReactNode, useContext } from "react";
import type { Errors } from "./places";
import type { Schema } from "./schema";

/** A field: the schema at a place, and how its value is read and changed. `undefined` is not written. */
export type FieldProps = {
  schema: Schema;
  name: string;
  label: string;
  place: string;
  required: boolean;
  value: unknown;
  change: (value: unknown) => void;
};

/** A field that a page draws itself, by the place of the value: `connection`, or `steps.*.sql`. */
export type Widgets = Record<string, (field: FieldProps & { error?: string; description?: string }) => ReactNode>;

export type FormContext = {
  root: Schema;
  errors: Errors;
  disabled: boolean;
  /** Drawn behind "More settings". */
  last: ReadonlySet<string>;
  hidden: ReadonlySet<string>;
  widgets: Widgets;
  id: string;
};

export const Context = createContext<FormContext | null>(null);

export function useForm(): FormContext {
  const found = useContext(Context);
  if (!found) throw new Error("a field stands in no form");
  return found;
}

export const below = (place: string, part: string | number): string => (place ? `${place}.${part}` : String(part));
export const idOf = (form: FormContext, place: string): string => `${form.id}-${place}`;
