/** One automation run, live: the stream tells each change of a step, and a question now and then makes sure. */
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { api, ask } from "~/api/client";
import { follow, gathered } from "~/api/stream";
import { queries } from "~/app/queries";
import type { WholeAutomationRun } from "~/shared/automations";

/** With many steps the whole run is large, so it is read again rarely while it goes on. */
const AGAIN = { few: 500, many: 3_000 };
const MANY = 100;

type Told = { data?: { step?: string; state?: string; runId?: string | null }; timestamp?: string };

export function useAutomationRun(id: string) {
  const found = useQuery({
    queryKey: ["automation-run", id],
    queryFn: ({ signal }) =>
      ask<WholeAutomationRun>(
        api.GET("/api/v1/automation-runs/{run_id}", { params: { path: { run_id: id } }, signal }),
      ),
    refetchInterval: (query) => (query.state.data?.status === "running" ? 5_000 : false),
  });
  const live = found.data?.status === "running";
  const many = (found.data?.steps.length ?? 0) > MANY;
  useEffect(() => {
    if (!live) return;
    const again = (): void => void queries.invalidateQueries({ queryKey: ["automation-run", id] });
    let timer: ReturnType<typeof setTimeout> | undefined;
    const changes = gathered<Told>((told) => {
      queries.setQueryData<WholeAutomationRun>(["automation-run", id], (run) => run && changed(run, told));
      timer ??= setTimeout(
        () => {
          timer = undefined;
          again();
        },
        many ? AGAIN.many : AGAIN.few,
      );
    });
    const stop = follow(
      () => `/api/v1/automation-runs/${id}/stream`,
      { message: (told) => told && changes.add(told as Told), end: again },
      { ends: "end" },
    );
    return () => {
      stop();
      changes.stop();
      clearTimeout(timer);
    };
  }, [id, live, many]);
  return found;
}

/** The run with what the stream has told of its steps. It tells from the beginning, so what is known already stays. */
function changed(run: WholeAutomationRun, told: Told[]): WholeAutomationRun {
  const fresh = new Map(told.flatMap(({ data }) => (data?.step && data.state ? [[data.step, data]] : [])));
  return {
    ...run,
    steps: run.steps.map((step) => {
      const now = fresh.get(step.key);
      if (!now || step.state !== "waiting") return step;
      return { ...step, state: now.state as typeof step.state, runId: now.runId ?? step.runId };
    }),
  };
}
