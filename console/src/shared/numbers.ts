/** Counts and money for people. */
const COUNT = new Intl.NumberFormat();

export const count = (value: number): string => COUNT.format(value);

/** `3 calls`, `1 call`. */
export const counted = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`;

/** US dollars, with as many places as a small sum needs. */
export const dollars = (value: number): string =>
  `$${value.toLocaleString(undefined, { minimumFractionDigits: 2, maximumFractionDigits: value < 1 ? 4 : 2 })}`;

/** `10,000+` where counting stops there. */
export const countedUpTo = (value: number, most: number): string => `${count(value)}${value >= most ? "+" : ""}`;

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** `12.3 MB`, in decimal units. */
export function bytes(value: number): string {
  const place = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)));
  const scaled = value / 1_000 ** place;
  return `${scaled.toLocaleString(undefined, { maximumFractionDigits: place ? 1 : 0 })} ${UNITS[place]}`;
}
