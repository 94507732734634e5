import { Problem } from "~/api/problem";

/** What the API said about a field of the body, or of what is in it. */
export function fieldOf(error: unknown, field: string): string | undefined {
  if (!(error instanceof Problem)) return undefined;
  const found = error.details.filter((each) => each.loc?.find((part) => part !== "body") === field);
  const said = found.map(({ loc = [], msg = "" }) => {
    const rest = loc.filter((part) => part !== "body").slice(1);
    return rest.length ? `${rest.join(".")}: ${msg}` : msg;
  });
  return said.length ? said.join("; ") : undefined;
}
