/** The last runs of an automation, oldest first, each by colour and sign, with a name for those who don't see them. */
import { Tooltip } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api, ask } from "~/api/client";
import type { Automation } from "~/api/types";
import { lookOf } from "~/shared/status";
import { whole } from "~/shared/time";
import classes from "./rows.module.css";

const SHOWN = 10;

export function Strip({ automation }: { automation: Automation }) {
  const latest = automation.latestRun;
  // Asked again only when the last run is another, or another has become of it.
  const { data } = useQuery({
    queryKey: ["automation-runs", "strip", automation.id, latest?.runId, latest?.displayStatus],
    queryFn: ({ signal }) =>
      ask(
        api.GET("/api/v1/automation-runs", {
          params: { query: { automation_id: automation.id, limit: SHOWN } },
          signal,
        }),
      ),
    enabled: latest !== null,
    staleTime: 60_000,
    refetchOnWindowFocus: false,
  });
  if (!latest) return <span className={classes.never}>never ran</span>;
  const runs = data?.automationRuns ?? [{ ...latest, createdAt: latest.startedAt ?? automation.createdAt }];
  return (
    <span className={classes.marks}>
      {runs.toReversed().map((run) => {
        const look = lookOf(run.displayStatus);
        const Sign = look.icon;
        const text = `${look.text}, ${whole(run.startedAt ?? run.createdAt)}`;
        return (
          <Tooltip key={run.runId} label={text}>
            <Link
              to={`/automation-runs/${run.runId}`}
              className={classes.mark}
              data-tone={look.colour}
              aria-label={`Run of ${automation.name}: ${text}`}
            >
              <Sign size={13} aria-hidden />
            </Link>
          </Tooltip>
        );
      })}
    </span>
  );
}
