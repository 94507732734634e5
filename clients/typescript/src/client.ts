/** The client: every operation, typed, and what a document cannot say: waits, pages, streams, retries. */
import createClient, { type Client } from "openapi-fetch";
import { Problem, UnexpectedAnswer, Unreachable, VaiError } from "./errors.js";
import { connection, Following, parsed } from "./following.js";
import { type ItemOf, itemsOf, type ListPath, nextOf, type PageOf, type PlacesOf, type QueryOf } from "./pages.js";
import type { components, paths } from "./schema.js";
import { backoff, pause, RETRIES, type Retries, sender } from "./send.js";

type Schemas = components["schemas"];
export type Run = Schemas["RunShape"];
export type LogEntry = Schemas["LogEntryShape"];
export type AutomationRun = Schemas["AutomationRunShape"];
export type NewRun = paths["/api/v1/action-runs"]["post"]["requestBody"]["content"]["application/json"];

export interface VaiOptions {
  /** Where the platform is: `https://vai.example.com`, with a path where a proxy has one. */
  url: string;
  /** An API key. Without one, a page of the same origin uses its cookie. */
  key?: string | undefined;
  fetch?: typeof fetch | undefined;
  retries?: Partial<Retries> | undefined;
  /** Milliseconds that an answer may take, apart from what it is asked to wait. Of a file, its beginning. */
  timeout?: number | undefined;
}

export interface Starting {
  /** The same key starts nothing twice. Without one, a request whose answer was lost is not sent again. */
  idempotencyKey?: string | undefined;
  /** Seconds, at most 60, that the answer waits for the end. */
  wait?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface Waiting {
  /** Milliseconds; what has not ended by then is returned as it is. */
  timeout?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Where a stream goes on, and what ends it before its end. */
export interface Reading {
  /** The id of the last entry that was taken. */
  after?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** One message of the stream of an organisation's runs. */
export type Change =
  | { event: "ready" | "reset" }
  | { event: "run"; run: Run }
  | { event: "gone"; id: string; status: string | null };

const LONGEST_WAIT = 60;
const ENDED = new Set(["completed", "failed", "cancelled", "rejected"]);
const ABSENCES = 20;

export class Vai {
  /** Every operation of the document: `vai.ask(vai.api.GET("/api/v1/me"))`. */
  readonly api: Client<paths>;
  private readonly base: string;
  private readonly headers: Record<string, string>;
  private readonly retries: Retries;
  private readonly fetcher: typeof fetch;

  constructor(options: VaiOptions) {
    this.base = addressOf(options.url);
    if (options.key !== undefined && !/^[\x21-\x7e]*$/.test(options.key.trim()))
      throw new VaiError("the key has a character that no key has, such as a space or a line break in it");
    this.headers = options.key?.trim() ? { Authorization: `Bearer ${options.key.trim()}` } : {};
    this.retries = { ...RETRIES, ...options.retries };
    this.fetcher = options.fetch ?? globalThis.fetch.bind(globalThis);
    this.api = createClient<paths>({
      baseUrl: this.base,
      headers: this.headers,
      redirect: "manual",
      // `status=failed&status=running`, as the API reads lists.
      querySerializer: { array: { style: "form", explode: true } },
      fetch: sender(this.fetcher, this.retries, options.timeout ?? 45_000),
    });
  }

  /** What a call of `api` answered. Throws a Problem where the platform said no. */
  async ask<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
    try {
      const { data, error, response } = await call;
      if (!response.ok) throw Problem.of(response, error);
      return data as T;
    } catch (error) {
      if (error instanceof SyntaxError) throw new UnexpectedAnswer(`${this.base} answers something that is not JSON`);
      throw error;
    }
  }

  /** Start a run; with `wait`, answer when it has ended or the time is over. */
  start(run: NewRun, how: Starting = {}): Promise<Run> {
    const header = {
      ...(how.idempotencyKey === undefined ? {} : { "Idempotency-Key": how.idempotencyKey }),
      ...(how.wait === undefined ? {} : { Prefer: `wait=${how.wait}` }),
    };
    return this.ask(
      this.api.POST("/api/v1/action-runs", { params: { header }, body: run, ...signalOf(how) }),
    ) as Promise<Run>;
  }

  /** Start a run and wait as long as it takes. A run that failed is an answer, not an exception. */
  async run(run: NewRun, how: Omit<Starting, "wait"> = {}): Promise<Run> {
    const started = await this.start(run, how);
    return hasEnded(started) ? started : this.wait(started.id, signalOf(how));
  }

  /** The run, when it has ended; the wait goes on while the platform is updated. */
  wait(id: string, how: Waiting = {}): Promise<Run> {
    return this.until(how, (hold) =>
      this.ask(
        this.api.GET("/api/v1/action-runs/{run_id}", {
          params: { path: { run_id: id }, header: { Prefer: `wait=${hold}` } },
          ...signalOf(how),
        }),
      ),
    );
  }

  /** The automation run, when it has ended. */
  waitForAutomation(id: string, how: Waiting = {}): Promise<AutomationRun> {
    return this.until(how, (hold) =>
      this.ask(
        this.api.GET("/api/v1/automation-runs/{run_id}", {
          params: { path: { run_id: id }, header: { Prefer: `wait=${hold}` } },
          ...signalOf(how),
        }),
      ),
    );
  }

  /** The pages of a list, one after the other. */
  async *pages<P extends ListPath>(
    path: P,
    query?: QueryOf<P>,
    places?: PlacesOf<P>,
    signal?: AbortSignal,
  ): AsyncGenerator<PageOf<P>, void, undefined> {
    const names = path.endsWith("/logs") && path.includes("{") ? "after" : "cursor";
    let asked: Record<string, unknown> | null = { ...(query as object) };
    const get = this.api.GET as (path: string, init: object) => Promise<{ data?: object; response: Response }>;
    while (asked !== null) {
      const page = await this.ask(get(path, { params: { query: asked, path: places ?? {} }, ...signalOf({ signal }) }));
      yield page as PageOf<P>;
      asked = nextOf(page, asked, names);
    }
  }

  /** The rows of a list, over all its pages. */
  async *items<P extends ListPath>(
    path: P,
    query?: QueryOf<P>,
    places?: PlacesOf<P>,
    signal?: AbortSignal,
  ): AsyncGenerator<ItemOf<P>, void, undefined> {
    for await (const page of this.pages(path, query, places, signal)) yield* itemsOf(page as object) as ItemOf<P>[];
  }

  /** The log of a run from its beginning, or behind `after`, and what comes, until the run has ended. */
  logs(id: string, how: Reading = {}): Following<LogEntry> {
    return this.follow(`/api/v1/action-runs/${encodeURIComponent(id)}/logs/stream`, how);
  }

  /** The changes of an automation run's steps, until it has ended. */
  steps(id: string, how: Reading = {}): Following<LogEntry> {
    return this.follow(`/api/v1/automation-runs/${encodeURIComponent(id)}/stream`, how);
  }

  /**
   * Changes of all runs of the organisation, for as long as one listens. After `ready`, read the list: the stream tells
   * every later change. After a break `ready` comes again, because this stream cannot be resumed.
   */
  async *changes(
    filters: Record<string, string | string[]> = {},
    signal?: AbortSignal,
  ): AsyncGenerator<Change, void, undefined> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(filters)) for (const one of [value].flat()) query.append(name, one);
    const path = `/api/v1/action-runs/stream${query.size ? `?${query}` : ""}`;
    for (let failures = 1; ; failures += 1) {
      try {
        for await (const event of connection(
          this.base + path,
          (ours) => this.openStream(path, undefined, ours),
          signal,
        )) {
          if (event === "over") return;
          failures = 0;
          const change = changeOf(event.event, event.data, this.base + path);
          if (change) yield change;
        }
      } catch (error) {
        const mayPass = error instanceof Unreachable || (error instanceof Problem && [429, 503].includes(error.status));
        if (signal?.aborted || !mayPass || failures > this.retries.reopenings) throw error;
      }
      await pause(backoff(this.retries, Math.max(1, failures)), signal);
    }
  }

  private follow(path: string, how: Reading): Following<LogEntry> {
    const open = (lastId: string | undefined, signal: AbortSignal) => this.openStream(path, lastId, signal);
    return new Following(this.base + path, open, this.retries, how.after, how.signal);
  }

  private openStream(path: string, lastId: string | undefined, signal: AbortSignal): Promise<Response> {
    const more = lastId === undefined ? {} : { "Last-Event-ID": lastId };
    const headers = { ...this.headers, ...more, Accept: "text/event-stream" };
    return this.fetcher(this.base + path, { headers, redirect: "manual", signal });
  }

  private async until<T extends Ending>(how: Waiting, get: (hold: number) => Promise<T>): Promise<T> {
    const deadline = how.timeout === undefined ? Number.POSITIVE_INFINITY : Date.now() + how.timeout;
    for (let absences = 0, known: T | undefined; ; ) {
      const asked = Date.now();
      const hold = Math.max(0, Math.min(LONGEST_WAIT, Math.floor((deadline - asked) / 1_000)));
      try {
        known = await get(hold);
        absences = 0;
      } catch (error) {
        const isAway = error instanceof Unreachable || (error instanceof Problem && error.status === 503);
        absences += 1;
        if (!isAway || known === undefined || absences > ABSENCES) throw error;
      }
      const left = deadline - Date.now();
      if (known !== undefined && (hasEnded(known) || left <= 0)) return known;
      const early = Date.now() - asked < hold * 1_000 - 1_000;
      if (absences || hold === 0 || early) await pause(Math.min(absences ? 2_000 : 500, left), how.signal);
    }
  }
}

/** What ends; a newer platform may have a status more, so that its time of the end counts, too. */
interface Ending {
  status: string;
  completedAt?: string | null;
}

function hasEnded(known: Ending): boolean {
  return ENDED.has(known.status) || Boolean(known.completedAt);
}

/** Without its slashes at the end. Throws a VaiError where it is no address. */
function addressOf(url: string): string {
  const here = (globalThis as { location?: { href?: string } }).location?.href;
  const address = URL.canParse(url, here) ? new URL(url, here) : undefined;
  if (!address || !["http:", "https:"].includes(address.protocol))
    throw new VaiError(`${url} is no address: write it like https://vai.example.com`);
  if (address.username || address.password || address.search || address.hash)
    throw new VaiError("an address has no user name, password, query or fragment: give the key as `key`");
  return url.replace(/\/+$/, "");
}

function signalOf(how: { signal?: AbortSignal | undefined }): { signal?: AbortSignal } {
  return how.signal ? { signal: how.signal } : {};
}

/** Undefined for what only a newer platform says. */
function changeOf(event: string, data: string, url: string): Change | undefined {
  if (event === "run") return { event, run: parsed<Run>(data, url) };
  if (event === "gone") return { event, ...parsed<{ id: string; status: string | null }>(data, url) };
  return event === "ready" || event === "reset" ? { event } : undefined;
}
