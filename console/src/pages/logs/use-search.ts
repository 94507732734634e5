/** Pages of a search. One that found nothing is followed by the next by itself, a few times. */
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { api, ask } from "~/api/client";
import type { FoundEntry, LogQuery } from "~/api/types";

const PAGE = 100;
const BY_ITSELF = 5;

export function useSearchOfLogs(query: LogQuery) {
  const list = useInfiniteQuery({
    queryKey: ["logs", query],
    queryFn: ({ pageParam, signal }) =>
      ask(api.GET("/api/v1/logs", { params: { query: { ...query, limit: PAGE, cursor: pageParam } }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.nextCursor,
    placeholderData: keepPreviousData,
    refetchOnWindowFocus: false,
  });
  const pages = list.data?.pages ?? [];
  const entries = pages.flatMap((page) => page.entries);
  const { hasNextPage, isFetching, isError, fetchNextPage } = list;
  const goesOn = hasNextPage && !isFetching && !isError && entries.length === 0 && pages.length < BY_ITSELF;
  useEffect(() => {
    if (goesOn) void fetchNextPage();
  }, [goesOn, fetchNextPage]);
  return {
    list,
    groups: groupsOf(entries),
    found: entries.length,
    goesOn,
    runsRead: sum(pages.map((page) => page.runsRead)),
    entriesRead: sum(pages.map((page) => page.entriesRead)),
    readBackTo: pages.findLast((page) => page.readBackTo)?.readBackTo ?? null,
  };
}

const sum = (numbers: number[]): number => numbers.reduce((all, one) => all + one, 0);

/** Entries of one run that follow each other, under that run. */
function groupsOf(entries: FoundEntry[]): { run: FoundEntry["run"]; entries: FoundEntry[] }[] {
  const groups: { run: FoundEntry["run"]; entries: FoundEntry[] }[] = [];
  for (const entry of entries) {
    const last = groups.at(-1);
    if (last?.run.id === entry.run.id) last.entries.push(entry);
    else groups.push({ run: entry.run, entries: [entry] });
  }
  return groups;
}
