/** What can go wrong on purpose: each is a VaiError, with the platform's own words. */

export class VaiError extends Error {
  override name = "VaiError";
}

/** Nobody answered, or the connection broke. */
export class Unreachable extends VaiError {
  override name = "Unreachable";
  constructor(
    readonly url: string,
    cause: unknown,
  ) {
    super(`${url} does not answer: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** Not the platform's answer; or a redirect, which is never followed: the key stays where it is. */
export class UnexpectedAnswer extends VaiError {
  override name = "UnexpectedAnswer";
}

/** One fault of a request: its place, a text for people, and a word for programs. */
export interface Fault {
  loc: (string | number)[];
  msg: string;
  type: string;
}

/** An answer of 400 or more. */
export class Problem extends VaiError {
  override name = "Problem";
  constructor(
    readonly status: number,
    readonly faults: Fault[],
    /** What the gateway's log calls the request. */
    readonly requestId: string | null,
    /** Seconds, where the answer says when to come again. */
    readonly retryAfter: number | null,
  ) {
    super(faults.map((fault) => `${fault.loc.join(".")}${fault.loc.length ? ": " : ""}${fault.msg}`).join("; "));
  }

  /** The first fault's word for programs: `not_found`, `conflict`, … */
  get type(): string {
    return this.faults[0]?.type ?? "";
  }

  /** From a response and, where it was read already, its body. */
  static of(response: Response, body: unknown): Problem {
    const detail = (body as { detail?: unknown } | null | undefined)?.detail;
    const faults = (Array.isArray(detail) ? detail : [detail]).map((fault) => faultOf(fault, response));
    return new Problem(response.status, faults, response.headers.get("X-Request-ID"), secondsOf(response));
  }
}

/** A fault in whatever form it came: what stands between, as a proxy, has errors of its own. */
function faultOf(given: unknown, response: Response): Fault {
  const { loc, msg, type } = (given ?? {}) as Partial<Record<keyof Fault, unknown>>;
  const words = typeof given === "string" ? given : msg;
  return {
    loc: Array.isArray(loc) ? loc : [],
    msg: typeof words === "string" && words ? words : response.statusText || `status ${response.status}`,
    type: typeof type === "string" ? type : "http_error",
  };
}

/** `Retry-After` in seconds, also where it says a date; null where there is none. */
export function secondsOf(response: Response): number | null {
  const said = response.headers.get("Retry-After")?.trim();
  if (!said) return null;
  const seconds = /^[\d.]+$/.test(said) ? Number(said) : (Date.parse(said) - Date.now()) / 1_000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : null;
}
