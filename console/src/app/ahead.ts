/** What pages show first is asked for while their code is still on its way: one wait instead of two. */
import { lastOfLog } from "~/api/logs";
import { queryOf } from "~/pages/runs/filters";
import { automationOptions } from "~/shared/automations";
import { runOptions, runsOptions } from "~/shared/run-queries";
import { queries } from "./queries";
import { type Search, textOf } from "./search";

/** By the page's address; `id` is `$id` of it. */
export const AHEAD: Record<string, (id: string, search: Search) => void> = {
  "/runs": (_, search) => void queries.prefetchInfiniteQuery(runsOptions(queryOf(search, Date.now()))),
  "/runs/$id": (id, search) => {
    void queries.prefetchQuery(runOptions(id));
    if (!textOf(search.tab) && !textOf(search.entry)) void queries.prefetchQuery(lastOfLog(id));
  },
  "/automations/$id": (id) => {
    void queries.prefetchQuery(automationOptions(id));
    import("~/shared/graph/flow").catch(() => undefined);
  },
};
