/** Why a request was refused, in the words of the API. */
type Detail = { loc?: (string | number)[]; msg?: string; type?: string };

export class Problem extends Error {
  readonly status: number;
  readonly details: Detail[];
  readonly requestId: string;

  constructor(status: number, message: string, details: Detail[] = [], requestId = "") {
    super(message);
    this.name = "Problem";
    this.status = status;
    this.details = details;
    this.requestId = requestId;
  }

  static of(response: Response, body: unknown): Problem {
    const found = (body as { detail?: Detail[] | string } | null | undefined)?.detail;
    const details = Array.isArray(found) ? found : [];
    const said = details.map((each) => told(each)).filter(Boolean);
    const message = said.join("; ") || (typeof found === "string" ? found : `the answer was ${response.status}`);
    return new Problem(response.status, message, details, response.headers.get("x-request-id") ?? "");
  }

  /** What was said about one field of a body, by its path: `definition.url`. */
  about(field: string): string | undefined {
    return this.details.find((each) => each.loc?.filter((part) => part !== "body").join(".") === field)?.msg;
  }
}

function told(detail: Detail): string {
  const place = (detail.loc ?? []).filter((part) => part !== "body" && part !== "query" && part !== "path").join(".");
  return place && detail.msg ? `${place}: ${detail.msg}` : (detail.msg ?? "");
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
