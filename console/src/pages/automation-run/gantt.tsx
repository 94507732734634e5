/** When each step ran: a bar for each, on one line of time. Only rows in view are drawn. */
import { Text } from "@mantine/core";
import { IconClock } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef } from "react";
import type { WholeAutomationRun } from "~/shared/automations";
import { PageLink } from "~/shared/link";
import { Empty } from "~/shared/states";
import { lookOf, StatusBadge } from "~/shared/status";
import { clock, duration, useNow } from "~/shared/time";
import classes from "./gantt.module.css";

type Step = WholeAutomationRun["steps"][0];
type Props = { run: WholeAutomationRun; choose: (key: string) => void };

export function Gantt({ run, choose }: Props) {
  const now = useNow();
  const box = useRef<HTMLDivElement>(null);
  const steps = useMemo(
    () =>
      run.steps.toSorted((one, other) => {
        // In the order in which they began; those that have not begun behind them, as they are written.
        if (one.startedAt && other.startedAt) return one.startedAt < other.startedAt ? -1 : 1;
        return one.startedAt ? -1 : other.startedAt ? 1 : 0;
      }),
    [run.steps],
  );
  const rows = useVirtualizer({
    count: steps.length,
    getScrollElement: () => box.current,
    estimateSize: () => 36,
    overscan: 10,
  });
  const from = new Date(steps[0]?.startedAt ?? run.createdAt).getTime();
  const until = Math.max(run.completedAt ? new Date(run.completedAt).getTime() : now, from + 1);
  if (!steps[0]?.startedAt) {
    return (
      <Empty icon={IconClock} title="No step has begun">
        Each step shows here with the time that it takes.
      </Empty>
    );
  }
  return (
    <div ref={box} className={classes.box} tabIndex={0} role="region" aria-label="When each step ran">
      <div className={classes.head}>
        <span>{clock(new Date(from).toISOString())}</span>
        <span>{duration((until - from) / 1_000)}</span>
        <span>{clock(new Date(until).toISOString())}</span>
      </div>
      <ul className={classes.list} style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map(({ index, start, size }) => {
          const step = steps[index] as Step;
          return (
            <li key={step.key} className={classes.place} style={{ transform: `translateY(${start}px)`, height: size }}>
              <span className={classes.name}>
                {step.runId ? (
                  <PageLink to={`/runs/${step.runId}`} size="sm" title={step.name ?? step.key}>
                    {step.name ?? step.key}
                  </PageLink>
                ) : (
                  <Text span size="sm" title={step.name ?? step.key}>
                    {step.name ?? step.key}
                  </Text>
                )}
              </span>
              <span className={classes.status}>
                <StatusBadge status={step.state} />
              </span>
              <Bar step={step} from={from} until={until} now={now} choose={choose} />
            </li>
          );
        })}
      </ul>
    </div>
  );
}

type BarProps = { step: Step; from: number; until: number; now: number; choose: (key: string) => void };

function Bar({ step, from, until, now, choose }: BarProps) {
  if (!step.startedAt) return <span className={classes.track} />;
  const begin = new Date(step.startedAt).getTime();
  const end = Math.max(begin, step.completedAt ? new Date(step.completedAt).getTime() : now);
  const part = (time: number): number => Math.max(0, Math.min(100, ((time - from) / (until - from)) * 100));
  const text = `${duration((end - begin) / 1_000)}, from ${clock(step.startedAt)}`;
  const right = part(begin) > 60;
  return (
    <span className={classes.track}>
      <button
        type="button"
        className={classes.bar}
        data-tone={lookOf(step.state).colour}
        style={{ left: `${part(begin)}%`, width: `max(4px, ${part(end) - part(begin)}%)` }}
        title={text}
        aria-label={`${step.name ?? step.key}: ${text}`}
        onClick={() => choose(step.key)}
      />
      <span
        className={classes.lasting}
        style={right ? { right: `calc(${100 - part(begin)}% + 6px)` } : { left: `calc(${part(end)}% + 8px)` }}
        aria-hidden
      >
        {part(end) < 88 || right ? duration((end - begin) / 1_000) : ""}
      </span>
    </span>
  );
}
