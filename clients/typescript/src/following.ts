/** A live stream over as many connections as it needs, without gap or repeat, until what it follows has ended. */
import { Problem, UnexpectedAnswer, Unreachable, VaiError } from "./errors.js";
import { eventsOf, type ServerEvent } from "./events.js";
import { exact } from "./exact.js";
import { backoff, checked, pause, type Retries } from "./send.js";

const LONGEST_PAUSE = 5_000;
/** The platform sends a comment every 15 s: a connection that is silent for longer is dead. */
const QUIET = 45_000;
/** A connection that held so long was a good one: a stream may be quiet for hours, and a proxy may cut it meanwhile. */
const LASTED = 10_000;

/** Opens one connection; `lastId` is what was taken last. */
export type Open = (lastId: string | undefined, signal: AbortSignal) => Promise<Response>;

/** `for await` gives the entries; `finalStatus` is null until the stream has said how what it follows ended. */
export class Following<T> implements AsyncIterable<T> {
  finalStatus: string | null = null;
  private failures = 0;
  private wasOpen = false;
  private openedAt: number | null = null;

  constructor(
    private readonly url: string,
    private readonly open: Open,
    private readonly retries: Retries,
    /** The id of the last entry that was taken: with it, another stream goes on here. */
    public lastId?: string,
    private readonly signal?: AbortSignal | undefined,
  ) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    while (this.finalStatus === null) {
      try {
        yield* this.once();
        if (this.finalStatus === null) throw new Unreachable(this.url, "the stream stops before its end");
      } catch (error) {
        if (this.signal?.aborted) throw this.signal.reason;
        await pause(this.delayAfter(error), this.signal);
      }
    }
  }

  private async *once(): AsyncGenerator<T> {
    const opened = () => {
      this.wasOpen = true;
      this.openedAt = Date.now();
    };
    this.openedAt = null;
    for await (const event of connection(this.url, (ours) => this.open(this.lastId, ours), this.signal, opened)) {
      if (event === "over") {
        this.finalStatus = "";
        return;
      }
      if (event.event === "end") {
        this.finalStatus = statusOf(event.data);
        return;
      }
      if (event.event !== "message") continue;
      const entry = parsed<T & { id?: string }>(event.data, this.url);
      this.lastId = event.id ?? entry.id ?? this.lastId;
      this.failures = 0;
      yield entry as Awaited<T>;
    }
  }

  /** Milliseconds until the next connection. Throws what is final, or went wrong too often in a row. */
  private delayAfter(error: unknown): number {
    if (this.openedAt !== null && Date.now() - this.openedAt >= LASTED) this.failures = 0;
    this.failures += 1;
    const mayPass = error instanceof Unreachable || (error instanceof Problem && [429, 503].includes(error.status));
    if (!mayPass || this.failures > (this.wasOpen ? this.retries.reopenings : this.retries.attempts)) throw error;
    const asked = error instanceof Problem ? error.retryAfter : null;
    return Math.min(LONGEST_PAUSE, asked === null ? backoff(this.retries, this.failures) : asked * 1_000);
  }
}

/** The events of one connection; `"over"` where the platform says that there is nothing more (204). */
export async function* connection(
  url: string,
  open: (signal: AbortSignal) => Promise<Response>,
  signal?: AbortSignal,
  opened?: () => void,
): AsyncGenerator<ServerEvent | "over"> {
  const ours = new AbortController();
  const stop = () => ours.abort(signal?.reason);
  if (signal?.aborted) throw signal.reason;
  signal?.addEventListener("abort", stop, { once: true });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => ours.abort(new Error(`nothing came for ${QUIET / 1_000} s`)), QUIET);
  };
  try {
    heard();
    const response = checked(await open(ours.signal), url);
    if (response.status === 204) {
      yield "over";
      return;
    }
    if (!response.ok) throw Problem.of(response, await response.json().catch(() => undefined));
    opened?.();
    if (response.body) yield* eventsOf(response.body, heard);
  } catch (error) {
    if (error instanceof VaiError || signal?.aborted) throw error;
    throw new Unreachable(url, error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

export function parsed<T>(data: string, url: string): T {
  try {
    return JSON.parse(exact(data)) as T;
  } catch {
    throw new UnexpectedAnswer(`${url} sends something that is not JSON`);
  }
}

/** The word of the `end` event, alone or as `{"status": …}`. */
function statusOf(data: string): string {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === "string" ? value : String((value as { status?: unknown }).status ?? "");
  } catch {
    return data;
  }
}
