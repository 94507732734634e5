import { Group, Text } from "@mantine/core";
import type { FoundEntry } from "~/api/types";
import { PageLink } from "~/shared/link";
import { kindName } from "~/shared/runs";
import { StatusBadge } from "~/shared/status";
import { Time } from "~/shared/time";
import classes from "./found.module.css";

/** What was found in the log of one run. Each entry leads to its place in that log. */
export function Found({ run, entries }: { run: FoundEntry["run"]; entries: FoundEntry[] }) {
  const name = run.action ?? kindName(run.kind);
  return (
    <section className={classes.group} aria-label={`${name}, ${run.id}`}>
      <Group gap="xs" className={classes.head}>
        <PageLink to={`/runs/${run.id}`} fw={550} size="sm" className={classes.name}>
          {name}
        </PageLink>
        {run.action && (
          <Text span size="xs" c="dimmed">
            {kindName(run.kind)}
          </Text>
        )}
        <StatusBadge status={run.status} />
        <Text span size="xs" c="dimmed" ml="auto">
          <Time at={run.createdAt} />
        </Text>
      </Group>
      <ol className={classes.entries}>
        {entries.map((entry) => (
          <li key={entry.id} className={classes.entry} data-level={entry.level}>
            <PageLink
              to={`/runs/${run.id}`}
              search={{ entry: entry.id }}
              className={classes.time}
              aria-label={`Open entry ${entry.id.slice(entry.id.lastIndexOf("-") + 1)} in its log`}
            >
              <Time at={entry.occurredAt} as="second" />
            </PageLink>
            <span className={classes.level}>{entry.level}</span>
            <span className={classes.message}>
              {entry.parts.map((part, place) => {
                const key = `${place} ${part.isMatch}`;
                return part.isMatch ? <mark key={key}>{part.text}</mark> : <span key={key}>{part.text}</span>;
              })}
            </span>
            <span className={classes.event}>{entry.event}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
