/** Sends a request, and again where that does no harm. */

import { secondsOf, UnexpectedAnswer, Unreachable } from "./errors.js";
import { exact } from "./exact.js";

/** Delays are in milliseconds. */
export interface Retries {
  /** How often a request is sent at most. */
  attempts: number;
  /** How often a stream that was open is opened again without a new entry. */
  reopenings: number;
  firstDelay: number;
  longestDelay: number;
}

export const RETRIES: Retries = { attempts: 4, reopenings: 20, firstDelay: 200, longestDelay: 30_000 };

/** Reads, and what has an idempotency key: the platform starts nothing twice for one key. */
export function mayRepeat(request: Request): boolean {
  return request.method === "GET" || request.method === "HEAD" || request.headers.has("Idempotency-Key");
}

/** Doubling, with jitter between half and the whole. Milliseconds; `failures` counts from 1. */
export function backoff(retries: Retries, failures: number): number {
  return Math.min(retries.longestDelay, retries.firstDelay * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
}

/** Rejects with the signal's reason when it is aborted meanwhile. */
export function pause(milliseconds: number, signal?: AbortSignal | null): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** A `fetch` that tries again after a broken connection, and after 503 with Retry-After. */
export function sender(
  fetcher: typeof fetch,
  retries: Retries,
  timeout: number,
): (request: Request) => Promise<Response> {
  return async (request) => {
    for (let attempt = 1; ; attempt += 1) {
      const last = attempt >= retries.attempts || !mayRepeat(request);
      let wait: number;
      const limit = limited(request, timeout);
      try {
        const response = await fetcher(last ? request : request.clone(), { signal: limit.signal });
        const asked = response.status === 503 ? secondsOf(response) : null;
        if (last || asked === null || asked * 1_000 > retries.longestDelay)
          return await whole(checked(response, request.url), limit.lift);
        await response.body?.cancel();
        limit.lift();
        wait = asked * 1_000;
      } catch (error) {
        limit.lift();
        if (error instanceof UnexpectedAnswer || request.signal.aborted) throw error;
        if (last || limit.isOver()) throw new Unreachable(request.url, error);
        wait = backoff(retries, attempt);
      }
      await pause(wait, request.signal);
    }
  };
}

/**
 * A JSON answer is read to its end here: where its connection breaks, the request may be sent again. Of other answers,
 * such as files, only the beginning is bound to a time.
 */
async function whole(response: Response, lift: () => void): Promise<Response> {
  const isJson = response.headers.get("Content-Type")?.startsWith("application/json");
  const { status, statusText, headers } = response;
  const answer = isJson ? new Response(exact(await response.text()), { status, statusText, headers }) : response;
  lift();
  return answer;
}

interface Limit {
  signal: AbortSignal;
  lift: () => void;
  isOver: () => boolean;
}

/** As long as the timeout, and longer by what the request itself wants to wait. */
function limited(request: Request, timeout: number): Limit {
  const held = Number(/wait=(\d+)/.exec(request.headers.get("Prefer") ?? "")?.[1] ?? 0) * 1_000;
  const ours = new AbortController();
  const over = () => ours.abort(new Error(`no answer within ${(timeout + held) / 1_000} s`));
  const timer = setTimeout(over, timeout + held);
  return {
    signal: AbortSignal.any([request.signal, ours.signal]),
    lift: () => clearTimeout(timer),
    isOver: () => ours.signal.aborted,
  };
}

export function checked(response: Response, url: string): Response {
  const isRedirect = response.type === "opaqueredirect" || (response.status >= 300 && response.status < 400);
  if (isRedirect && response.status !== 304) {
    const to = response.headers.get("Location") ?? "another address";
    throw new UnexpectedAnswer(`${url} redirects to ${to}; give that address instead`);
  }
  return response;
}
