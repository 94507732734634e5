/** Live streams (SSE, docs/streams.md) that connect again by themselves, later and later while nothing answers. */
import { ROOT } from "./root";

export type Listener = { [event: string]: (data: unknown, id: string) => void };
export type StreamState = "connecting" | "live" | "ended";

const LONGEST_WAIT = 15_000;

/** Follows a stream until the answer is called. `ends`: an event after which it is not opened again. */
export function follow(
  address: () => string,
  events: Listener,
  options: { ends?: string; onState?: (state: StreamState) => void } = {},
): () => void {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  let closed = false;

  function stop(state?: StreamState): void {
    closed = true;
    clearTimeout(timer);
    source?.close();
    if (state) options.onState?.(state);
  }

  function open(): void {
    options.onState?.("connecting");
    source = new EventSource(`${ROOT}${address()}`);
    source.onopen = () => {
      failures = 0;
      options.onState?.("live");
    };
    source.onerror = () => {
      source?.close();
      if (closed) return;
      options.onState?.("connecting");
      timer = setTimeout(open, Math.min(LONGEST_WAIT, 500 * 2 ** failures++));
    };
    for (const [name, hear] of Object.entries(events)) {
      source.addEventListener(name, (event) => {
        const message = event as MessageEvent<string>;
        hear(message.data ? JSON.parse(message.data) : null, message.lastEventId);
        if (name === options.ends) stop("ended");
      });
    }
  }

  open();
  return () => stop();
}

/** Collects what comes quickly and hands it on together, so that a page draws a few times a second and not each time. */
export function gathered<T>(
  hand: (items: T[]) => void,
  milliseconds = 200,
): { add: (item: T) => void; stop: () => void } {
  let items: T[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = (): void => {
    timer = undefined;
    const taken = items;
    items = [];
    hand(taken);
  };
  return {
    add(item) {
      items.push(item);
      timer ??= setTimeout(flush, milliseconds);
    },
    stop: () => clearTimeout(timer),
  };
}
