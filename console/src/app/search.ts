/** What stands behind the `?` of an address: plain names and values, a name more than once for a list. */
export type Search = Record<string, string | string[]>;

export function parseSearch(text: string): Search {
  const found: Search = {};
  for (const [name, value] of new URLSearchParams(text)) {
    const there = found[name];
    if (there === undefined) found[name] = value;
    else found[name] = [...(Array.isArray(there) ? there : [there]), value];
  }
  return found;
}

export function stringifySearch(search: Record<string, unknown>): string {
  const written = new URLSearchParams();
  for (const [name, value] of Object.entries(search)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== "") written.append(name, String(one));
    }
  }
  const text = written.toString();
  return text ? `?${text}` : "";
}

export const listOf = (value: unknown): string[] =>
  value === undefined || value === "" ? [] : Array.isArray(value) ? value.map(String) : [String(value)];

export const textOf = (value: unknown): string | undefined => listOf(value)[0];
