/** The entries of a run's log: from the end backwards, page by page, and what comes while the run works. */
import { useCallback, useEffect, useRef, useState } from "react";
import { lastOfLog, readLog } from "~/api/logs";
import { follow, gathered } from "~/api/stream";
import type { LogEntry } from "~/api/types";
import { queries } from "~/app/queries";

const PAGE = 500;
/** Entries that a page keeps while it follows; the oldest make room. */
const MOST = 100_000;

/** Entries behind the one that a page was opened at. */
const BEHIND = 100;

type State = { entries: LogEntry[]; older: string | null; loaded: boolean; error: unknown; ended: boolean };
/** Milliseconds in which what comes is shown together. */
const TOGETHER = 500;

const NOTHING: State = { entries: [], older: null, loaded: false, error: null, ended: false };

const page = (id: string, after: string | null, signal?: AbortSignal) =>
  readLog(id, { limit: PAGE, order: "desc", after }, signal);

/** `at`: the id of an entry; the log is then read around it, and does not go on by itself. */
export function useLog(id: string, at?: string) {
  const [state, setState] = useState<State>(NOTHING);
  const [attempt, setAttempt] = useState(0);
  const busy = useRef(false);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt reads it again
  useEffect(() => {
    const leaving = new AbortController();
    let stop = (): void => undefined;
    setState(NOTHING);
    const first = at ? page(id, behind(id, at), leaving.signal) : queries.fetchQuery(lastOfLog(id));
    first
      .then((answer) => {
        if (leaving.signal.aborted) return;
        const entries = [...answer.entries].reverse();
        setState({ ...NOTHING, entries, older: answer.hasMore ? answer.nextCursor : null, loaded: true });
        if (!at) stop = live(id, entries.at(-1)?.id, setState);
      })
      .catch((error: unknown) => leaving.signal.aborted || setState({ ...NOTHING, error, loaded: true }));
    return () => {
      leaving.abort();
      stop();
    };
  }, [id, at, attempt]);

  const readOlder = useCallback(async (): Promise<void> => {
    if (busy.current || !state.older) return;
    busy.current = true;
    try {
      const answer = await page(id, state.older);
      const entries = [...answer.entries].reverse();
      setState((now) => ({
        ...now,
        entries: [...entries, ...now.entries],
        older: answer.hasMore ? answer.nextCursor : null,
      }));
    } catch (error) {
      setState((now) => ({ ...now, error }));
    } finally {
      busy.current = false;
    }
  }, [id, state.older]);

  return { ...state, readOlder, again: () => setAttempt((count) => count + 1) };
}

/** The cursor from which a page backwards holds the entry, and some that follow it. */
const behind = (id: string, at: string): string =>
  `${id}-${Math.min(Number(at.slice(id.length + 1)) + BEHIND, 999_999_999) || 1}`;

/** Adds what comes, a few times a second however much it is, and connects again behind the last entry that came. */
function live(id: string, first: string | undefined, set: (change: (now: State) => State) => void): () => void {
  let last = first;
  const fresh = gathered<LogEntry>((items) => {
    set((now) => {
      const entries = [...now.entries, ...items];
      return entries.length <= MOST ? { ...now, entries } : { ...now, entries: entries.slice(-MOST) };
    });
  }, TOGETHER);
  const stop = follow(
    () => `/api/v1/action-runs/${id}/logs/stream${last ? `?after=${encodeURIComponent(last)}` : ""}`,
    {
      message: (entry) => {
        last = (entry as LogEntry).id;
        fresh.add(entry as LogEntry);
      },
      end: () => set((now) => ({ ...now, ended: true })),
    },
    { ends: "end" },
  );
  return () => {
    stop();
    fresh.stop();
  };
}
