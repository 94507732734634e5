/** A name as SQL takes it: parts that are no plain words stand in quotes. */
export const quoted = (name: string): string =>
  name
    .split(".")
    .map((part) => (/^[a-z_][a-z0-9_]*$/i.test(part) ? part : `"${part.replaceAll('"', '""')}"`))
    .join(".");
