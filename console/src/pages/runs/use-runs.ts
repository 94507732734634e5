/** The list of runs: page after page by cursor, and live by the stream of changes. */
import { type InfiniteData, keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { follow, gathered, type StreamState } from "~/api/stream";
import type { ListedRun, RunQuery, Schemas } from "~/api/types";
import { queries } from "~/app/queries";
import { runsOptions } from "~/shared/run-queries";
import { streamOf } from "./filters";

type Pages = InfiniteData<Schemas["RunsShape"], string | null>;
type Change = { run: ListedRun } | { gone: string };

const POLL = 5_000;

export function useRuns(query: RunQuery) {
  const options = runsOptions(query);
  const stream = streamOf(query);
  const list = useInfiniteQuery({
    ...options,
    placeholderData: keepPreviousData,
    // Where the stream cannot say which runs match, the list is asked again; not with many pages open.
    refetchInterval: (state) => (stream === undefined && (state.state.data?.pages.length ?? 1) === 1 ? POLL : false),
  });
  const state = useLive(options.queryKey, stream, query.order !== "asc");
  const runs = list.data?.pages.flatMap((page) => page.runs) ?? [];
  const first = list.data?.pages[0];
  return { list, runs, total: first?.total ?? 0, exact: first?.totalIsExact ?? true, state };
}

function useLive(key: readonly unknown[], stream: string | undefined, newestFirst: boolean): StreamState | "polled" {
  const [state, setState] = useState<StreamState | "polled">("connecting");
  const text = JSON.stringify(key);
  useEffect(() => {
    const own = JSON.parse(text) as unknown[];
    if (stream === undefined) {
      setState("polled");
      return;
    }
    let readBefore = false;
    const changes = gathered<Change>((items) => {
      queries.setQueryData<Pages>(own, (before) => before && changed(before, items, newestFirst));
    });
    const readAgain = (): void => {
      // The first `ready` comes while the list is being read anyway.
      if (readBefore) void queries.invalidateQueries({ queryKey: own });
      readBefore = true;
    };
    const stop = follow(
      () => `/api/v1/action-runs/stream?${stream}`,
      {
        ready: readAgain,
        reset: () => void queries.invalidateQueries({ queryKey: own }),
        run: (run) => changes.add({ run: run as ListedRun }),
        gone: (gone) => changes.add({ gone: (gone as { id: string }).id }),
      },
      { onState: setState },
    );
    return () => {
      stop();
      changes.stop();
    };
  }, [text, stream, newestFirst]);
  return state;
}

/** The pages with what has changed since: known runs in their places, new ones at the top, gone ones away. */
export function changed(before: Pages, items: Change[], newestFirst: boolean): Pages {
  const fresh = new Map<string, ListedRun>();
  const gone = new Set<string>();
  for (const item of items) {
    if ("gone" in item) {
      gone.add(item.gone);
      fresh.delete(item.gone);
    } else {
      fresh.set(item.run.id, item.run);
      gone.delete(item.run.id);
    }
  }
  let fewer = 0;
  const pages = before.pages.map((page) => ({
    ...page,
    runs: page.runs.flatMap((run) => {
      if (gone.has(run.id)) {
        fewer += 1;
        return [];
      }
      const newer = fresh.get(run.id);
      if (!newer) return [run];
      fresh.delete(run.id);
      return [newer.updatedAt >= run.updatedAt ? newer : run];
    }),
  }));
  const [first] = pages;
  if (!first) return before;
  const newest = first.runs[0]?.createdAt ?? "";
  const added = newestFirst ? [...fresh.values()].filter((run) => run.createdAt >= newest) : [];
  added.sort((one, other) => (one.createdAt < other.createdAt ? 1 : -1));
  pages[0] = { ...first, runs: [...added, ...first.runs], total: Math.max(0, first.total + added.length - fewer) };
  return { ...before, pages };
}
