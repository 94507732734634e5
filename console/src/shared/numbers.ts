/** Counts and money for people. */
const COUNT = new Intl.NumberFormat();

export const count = (value: number): string => COUNT.format(value);

/** `3 calls`, `1 call`. */
export const counted = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`;

/** US dollars, with as many places as a small sum needs. */
export const dollars = (value: number): string =>
  `$${value.toLocaleString(undefined, { minimumFractionDigits: 2, maximumFractionDigits: value < 1 ? 4 : 2 })}`;
