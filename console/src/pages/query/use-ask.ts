/** A query is a run like any other: it is started, waited for, and can be stopped. */
import { useCallback, useRef, useState } from "react";
import { api, ask } from "~/api/client";
import type { Run } from "~/api/types";
import { isLive } from "~/shared/status";

const WAIT = "wait=30";

export function useAsk() {
  const [state, setState] = useState<{ run: Run | null; error: unknown; isPending: boolean }>({
    run: null,
    error: null,
    isPending: false,
  });
  const asked = useRef(0);
  const running = useRef<string>(undefined);

  const run = useCallback(async (sql: string) => {
    asked.current += 1;
    const mine = asked.current;
    setState((before) => ({ ...before, error: null, isPending: true }));
    try {
      const body = { kind: "generate_query", definition: { sql }, labels: { from: "console" } } as const;
      let found: Run = await ask(
        api.POST("/api/v1/action-runs", { params: { header: { Prefer: "respond-async" } }, body }),
      );
      running.current = found.id;
      while (isLive(found.status) && mine === asked.current) {
        const params = { path: { run_id: found.id }, header: { Prefer: WAIT } };
        found = await ask<Run>(api.GET("/api/v1/action-runs/{run_id}", { params }));
      }
      if (mine === asked.current) setState({ run: found, error: null, isPending: false });
    } catch (error) {
      if (mine === asked.current) setState((before) => ({ ...before, error, isPending: false }));
    }
  }, []);

  const stop = useCallback(async () => {
    if (!running.current) return;
    try {
      await ask(api.POST("/api/v1/action-runs/{run_id}/cancel", { params: { path: { run_id: running.current } } }));
    } catch (error) {
      setState((before) => ({ ...before, error }));
    }
  }, []);

  return {
    found: state.run,
    error: state.error,
    isPending: state.isPending,
    run: useCallback((sql: string) => void run(sql), [run]),
    stop: useCallback(() => void stop(), [stop]),
  };
}
