/** How a run and the list of runs are asked for: by their pages, and ahead of them while their code comes. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import type { Run, RunQuery } from "~/api/types";

const PAGE = 100;

export const runOptions = (id: string) =>
  queryOptions({
    queryKey: ["run", id],
    queryFn: ({ signal }) =>
      ask<Run>(api.GET("/api/v1/action-runs/{run_id}", { params: { path: { run_id: id } }, signal })),
  });

export const runsOptions = (query: RunQuery) =>
  infiniteQueryOptions({
    queryKey: ["runs", query],
    queryFn: ({ pageParam, signal }) =>
      ask(api.GET("/api/v1/action-runs", { params: { query: { ...query, limit: PAGE, cursor: pageParam } }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.nextCursor,
  });
