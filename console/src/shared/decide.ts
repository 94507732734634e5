/** What people decide about runs, and for which runs it applies. */
import { notifications } from "@mantine/notifications";
import { useMutation } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import { messageOf } from "~/api/problem";
import type { BulkOperation, Run, RunQuery, Schemas } from "~/api/types";
import { queries } from "~/app/queries";
import { isLive } from "./status";

export type Decision = BulkOperation | "execute" | "run-again";
type State = Pick<Run, "status" | "displayStatus">;

const ENDED = (run: State): string | undefined => (isLive(run.status) ? "The run has not ended yet." : undefined);
const LIVE = (run: State): string | undefined => (isLive(run.status) ? undefined : "The run has ended.");
const ASKED = (run: State): string | undefined =>
  run.status === "awaiting_approval" ? undefined : "The run waits for no decision.";

/** Why a decision does not apply to a run in this state; nothing where it does. The API has the last word. */
export const REFUSALS: Record<Decision, (run: State) => string | undefined> = {
  approve: ASKED,
  reject: ASKED,
  cancel: (run) =>
    run.status === "awaiting_approval" ? "A run that awaits approval is rejected, not cancelled." : LIVE(run),
  pause: (run) => (run.displayStatus === "paused" ? "The run is paused already." : LIVE(run)),
  resume: (run) => (run.displayStatus === "paused" ? undefined : "The run is not paused."),
  execute: (run) =>
    ["deferred", "scheduled"].includes(run.displayStatus)
      ? undefined
      : "Only a deferred or scheduled run is started by hand.",
  retry: (run) =>
    run.status === "failed" || run.displayStatus === "completed_with_errors"
      ? undefined
      : "Only a run that failed, or ended with errors, goes on from where it stopped. Run again works for any that ended.",
  "run-again": ENDED,
  delete: ENDED,
};

const DONE: Record<Decision, string> = {
  approve: "Approved",
  reject: "Rejected",
  cancel: "Cancelled",
  pause: "Paused",
  resume: "Resumed",
  execute: "Started",
  retry: "A new run goes on from where this one stopped",
  "run-again": "A new run has begun",
  delete: "Deleted",
};

export const wordOf = (decision: Decision): string =>
  decision === "run-again" ? "Run again" : decision.charAt(0).toUpperCase() + decision.slice(1);

type Asked = { id: string; decision: Decision; reason?: string; values?: Record<string, unknown> };

async function decide({ id, decision, reason, values }: Asked): Promise<Run | undefined> {
  const params = { params: { path: { run_id: id } } };
  switch (decision) {
    case "reject":
      return ask(api.POST("/api/v1/action-runs/{run_id}/reject", { ...params, body: { reason: reason || null } }));
    case "delete":
      await ask(api.DELETE("/api/v1/action-runs/{run_id}", params));
      return undefined;
    case "run-again":
      return ask(api.POST("/api/v1/action-runs/{run_id}/run-again", params)) as Promise<Run>;
    case "approve":
      return ask(
        api.POST("/api/v1/action-runs/{run_id}/approve", { ...params, body: values ? { values } : undefined }),
      );
    case "cancel":
      return ask(api.POST("/api/v1/action-runs/{run_id}/cancel", params));
    case "pause":
      return ask(api.POST("/api/v1/action-runs/{run_id}/pause", params));
    case "resume":
      return ask(api.POST("/api/v1/action-runs/{run_id}/resume", params));
    case "execute":
      return ask(api.POST("/api/v1/action-runs/{run_id}/execute", params));
    case "retry":
      return ask(api.POST("/api/v1/action-runs/{run_id}/retry", params)) as Promise<Run>;
  }
}

const tellFailure = (error: unknown): void => {
  notifications.show({ color: "red", title: "That was refused", message: messageOf(error), autoClose: 10_000 });
};

const lookAgain = (): Promise<unknown> =>
  Promise.all(["runs", "run", "home", "approvals"].map((key) => queries.invalidateQueries({ queryKey: [key] })));

/** Decides about one run; tells how it went. */
export function useDecision(done?: (decision: Decision, run: Run | undefined) => void) {
  return useMutation({
    mutationFn: decide,
    onSuccess: (run, { decision }) => {
      notifications.show({ color: "teal", message: `${DONE[decision]}.` });
      done?.(decision, run);
    },
    onError: tellFailure,
    onSettled: lookAgain,
  });
}

type Many = { operation: BulkOperation; runIds?: string[]; filters?: RunQuery; reason?: string };

/** Decides about many runs: those that are named, or all that match filters, a thousand at a time. */
export function useBulk(done?: () => void) {
  return useMutation({
    mutationFn: async ({ operation, runIds, filters, reason }: Many) => {
      const results: Schemas["BulkShape"]["results"] = [];
      let cursor: string | null = null;
      do {
        const body = {
          operation,
          reason: reason || null,
          cursor,
          ...(runIds ? { runIds } : { filters: bodyOf(filters) }),
        };
        const answer: Schemas["BulkShape"] = await ask(api.POST("/api/v1/action-runs/bulk", { body: body as never }));
        results.push(...answer.results);
        cursor = answer.nextCursor ?? null;
      } while (cursor);
      return results;
    },
    onSuccess: (results, { operation }) => {
      const refused = results.filter((each) => each.status >= 400).length;
      const good = results.length - refused;
      notifications.show({
        color: refused ? "yellow" : "teal",
        title: `${wordOf(operation)}: ${good} of ${results.length}`,
        message: refused ? `${refused} could not: their state does not allow it, or has changed.` : "All of them.",
      });
      done?.();
    },
    onError: tellFailure,
    onSettled: lookAgain,
  });
}

const camel = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

/** Filters of the list as the body of a bulk request has them: in camelCase, and without those that only sort. */
function bodyOf(filters: RunQuery = {}): Record<string, unknown> {
  const left = new Set(["sort_by", "order", "limit", "cursor", "offset"]);
  return Object.fromEntries(
    Object.entries(filters)
      .filter(([name, value]) => !left.has(name) && value != null)
      .map(([name, value]) => [camel(name), value]),
  );
}
