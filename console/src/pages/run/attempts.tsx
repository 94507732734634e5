import { Code, Text, Timeline } from "@mantine/core";
import { IconHistory } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { readLog } from "~/api/logs";
import type { LogEntry, Run } from "~/api/types";
import { Empty, Failure, Waiting } from "~/shared/states";
import { lookOf } from "~/shared/status";
import { duration, Time } from "~/shared/time";

/** Entries of the log that tell of attempts, hand-overs and decisions, and not of the work itself. */
const TELLING =
  /^(lease_|attempt|run_|retry|resum|paus|approv|reject|cancel|interrupt|hand|recover|held|scheduled|execut|child)/;
const PAGES = 4;

async function turns(id: string, signal: AbortSignal): Promise<LogEntry[]> {
  const found: LogEntry[] = [];
  let after: string | null = null;
  for (let page = 0; page < PAGES; page++) {
    const answer = await readLog(id, { limit: 500, after }, signal);
    found.push(...answer.entries.filter((entry) => TELLING.test(entry.event)));
    if (!answer.hasMore || !answer.nextCursor) break;
    after = answer.nextCursor;
  }
  return found;
}

/** From its creation to its end: who took it, who decided, what interrupted it, and how long each part lasted. */
export function Attempts({ run }: { run: Run }) {
  const found = useQuery({
    queryKey: ["run", run.id, "turns", run.displayStatus],
    queryFn: ({ signal }) => turns(run.id, signal),
  });
  if (found.error) return <Failure error={found.error} retry={() => void found.refetch()} />;
  if (!found.data) return <Waiting />;
  const begun = { at: run.createdAt, title: "created", text: `by ${run.triggerMethod}`, worker: null, color: "gray" };
  const steps = [
    begun,
    ...found.data.map((entry) => ({
      at: entry.occurredAt,
      title: `${entry.event.replaceAll("_", " ")}${entry.attempt > 1 ? `, attempt ${entry.attempt}` : ""}`,
      text: entry.message,
      worker: entry.workerId,
      color: entry.level === "error" ? "red" : entry.level === "warning" ? "yellow" : "vai",
    })),
  ];
  if (steps.length === 1 && !run.startedAt) {
    return (
      <Empty icon={IconHistory} title="It has not begun">
        {lookOf(run.displayStatus).why}
      </Empty>
    );
  }
  return (
    <Timeline bulletSize={16} lineWidth={2} active={steps.length}>
      {steps.map((step, index) => {
        const next = steps[index + 1];
        const seconds = next ? (new Date(next.at).getTime() - new Date(step.at).getTime()) / 1_000 : 0;
        return (
          <Timeline.Item key={`${step.at}-${step.title}`} title={<Text fw={600}>{step.title}</Text>} color={step.color}>
            <Text size="sm">{step.text}</Text>
            <Text size="xs" c="dimmed" component="div">
              <Time at={step.at} as="clock" />
              {seconds >= 1 && `, then ${duration(seconds)}`} {step.worker && <Code>{step.worker}</Code>}
            </Text>
          </Timeline.Item>
        );
      })}
    </Timeline>
  );
}
