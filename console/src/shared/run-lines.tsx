/** A few runs, one line each. For many see pages/runs. */
import { Group, Stack, Text } from "@mantine/core";
import type { Run } from "~/api/types";
import { PageLink } from "./link";
import classes from "./run-lines.module.css";
import { kindName, subjectOf, useNames } from "./runs";
import { StatusBadge } from "./status";
import { Time } from "./time";

export function RunLines({ runs }: { runs: Run[] }) {
  const { actions } = useNames();
  return (
    <Stack gap={2} component="ul" className={classes.list}>
      {runs.map((run) => (
        <Group component="li" key={run.id} gap="sm" wrap="nowrap" className={classes.line}>
          <StatusBadge status={run.displayStatus} />
          <PageLink to={`/runs/${run.id}`} className={classes.title}>
            {(run.actionId && actions.get(run.actionId)) || subjectOf(run) || kindName(run.kind)}
          </PageLink>
          <Text size="xs" c="dimmed" visibleFrom="xs" className={classes.kind}>
            {kindName(run.kind)}
          </Text>
          <Text size="xs" c="dimmed" component="span" className={classes.time}>
            <Time at={run.completedAt ?? run.createdAt} />
          </Text>
        </Group>
      ))}
    </Stack>
  );
}
