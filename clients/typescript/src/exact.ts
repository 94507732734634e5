/** Whole numbers that a double cannot hold: the platform sends up to 64 bits, and JavaScript would round them. */

const MAY_HOLD_ONE = /\d{16}/;
const TEXT_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** JSON in which each whole number beyond 2^53 is the text of its digits: 9007199254740993 is "9007199254740993". */
export function exact(json: string): string {
  if (!MAY_HOLD_ONE.test(json)) return json;
  return json.replace(TEXT_OR_NUMBER, (found) =>
    found.length > 15 && /^-?\d+$/.test(found) && !Number.isSafeInteger(Number(found)) ? `"${found}"` : found,
  );
}
