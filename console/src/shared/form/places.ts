/** Errors of the API by the field that they are about: `{"retry.max_attempts": "Input should be …"}`. */
import { Problem } from "~/api/problem";
import { isObject } from "./value";

export type Errors = ReadonlyMap<string, string>;
export const NO_ERRORS: Errors = new Map();

/** The places of a problem below `base` (`definition`). Names of variants, which stand in places, are left out. */
export function errorsAt(error: unknown, base: string, value: unknown): Errors {
  if (!(error instanceof Problem)) return NO_ERRORS;
  const found = new Map<string, string>();
  for (const { loc, msg } of error.details) {
    const path = (loc ?? []).filter((part) => part !== "body").map(String);
    if (base && path[0] !== base) continue;
    const place = placeOf(base ? path.slice(1) : path, value);
    if (msg) found.set(place, found.has(place) ? `${found.get(place)}; ${msg}` : msg);
  }
  return found;
}

function placeOf(path: string[], value: unknown): string {
  let at = value;
  const place: string[] = [];
  path.forEach((part, index) => {
    const next = path[index + 1];
    if (has(at, part)) {
      at = (at as Record<string, unknown>)[part];
    } else if (next !== undefined && has(at, next)) {
      return;
    }
    place.push(part);
  });
  return place.join(".");
}

const has = (value: unknown, part: string): boolean =>
  (isObject(value) || Array.isArray(value)) && Object.hasOwn(value, part);

/** Whether something at this place or below it is wrong. */
export function isWrongBelow(errors: Errors, place: string): boolean {
  for (const each of errors.keys()) if (each === place || each.startsWith(`${place}.`)) return true;
  return false;
}
