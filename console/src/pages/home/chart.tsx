/** Runs over time, as the API counts them: one question for each bar and status, so that it is true at any number. */
import { Group, Paper, SegmentedControl, Skeleton, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import { useAddress, useGo } from "~/app/navigate";
import { textOf } from "~/app/search";
import { Failure } from "~/shared/states";
import classes from "./chart.module.css";

const BARS = 12;
const AT_ONCE = 4;
const SPANS: Record<string, { label: string; milliseconds: number }> = {
  "1h": { label: "Hour", milliseconds: 3_600_000 },
  "24h": { label: "Day", milliseconds: 86_400_000 },
  "7d": { label: "Week", milliseconds: 7 * 86_400_000 },
};
const COUNT = new Intl.NumberFormat();

type Bar = { from: string; until: string; all: number; failed: number; exact: boolean };

/** How many runs were made in a span, and whether that is all of them. */
async function count(status: ["failed"] | undefined, from: string, until: string, signal: AbortSignal) {
  const query = { status, created_from: from, created_until: until, limit: 1 };
  const { total, totalIsExact } = await ask(api.GET("/api/v1/action-runs", { params: { query }, signal }));
  return { total, exact: totalIsExact };
}

async function bars(span: number, signal: AbortSignal): Promise<Bar[]> {
  const step = span / BARS;
  const end = Math.ceil(Date.now() / step) * step;
  const starts = Array.from({ length: BARS }, (_, index) => end - span + index * step);
  const found: Bar[] = [];
  // A few at once: a page must not take all the connections that others need.
  for (let index = 0; index < BARS; index += AT_ONCE) {
    found.push(...(await Promise.all(starts.slice(index, index + AT_ONCE).map((at) => bar(at, step, signal)))));
  }
  return found;
}

async function bar(at: number, step: number, signal: AbortSignal): Promise<Bar> {
  const [from, until] = [new Date(at).toISOString(), new Date(at + step).toISOString()];
  const all = await count(undefined, from, until, signal);
  const failed = all.total ? await count(["failed"], from, until, signal) : all;
  return { from, until, all: all.total, failed: failed.total, exact: all.exact && failed.exact };
}

export function Chart() {
  const [search, change] = useAddress();
  const name = SPANS[textOf(search.span) ?? ""] ? (textOf(search.span) as string) : "24h";
  const { milliseconds } = SPANS[name] as { milliseconds: number };
  const found = useQuery({
    queryKey: ["home", "chart", name],
    queryFn: ({ signal }) => bars(milliseconds, signal),
    refetchInterval: 30_000,
    staleTime: 15_000,
  });
  return (
    <Paper withBorder p="md">
      <Group justify="space-between" mb="sm">
        <Title order={2}>Runs over time</Title>
        <SegmentedControl
          size="xs"
          aria-label="Span of the chart"
          value={name}
          onChange={(value) => change({ span: value === "24h" ? undefined : value })}
          data={Object.entries(SPANS).map(([value, { label }]) => ({ value, label }))}
        />
      </Group>
      {found.error && <Failure error={found.error} retry={() => void found.refetch()} />}
      {found.data ? <Drawn bars={found.data} /> : !found.error && <Skeleton h={170} />}
    </Paper>
  );
}

function Drawn({ bars: all }: { bars: Bar[] }) {
  const go = useGo();
  const most = Math.max(1, ...all.map((bar) => bar.all));
  const sum = all.reduce((so, bar) => so + bar.all, 0);
  const exact = all.every((bar) => bar.exact);
  return (
    <>
      <div className={classes.chart}>
        {all.map((bar) => (
          <button
            type="button"
            key={bar.from}
            className={classes.bar}
            aria-label={`${timeOf(bar)}: ${COUNT.format(bar.all)}${bar.exact ? "" : " or more"} runs, ${COUNT.format(bar.failed)} failed`}
            title={`${timeOf(bar)}\n${COUNT.format(bar.all)}${bar.exact ? "" : " or more"} runs\n${COUNT.format(bar.failed)} failed`}
            onClick={() => go("/runs", { created_from: bar.from, created_until: bar.until })}
          >
            <span className={classes.number}>{bar.all ? `${COUNT.format(bar.all)}${bar.exact ? "" : "+"}` : ""}</span>
            <span className={classes.good} style={{ height: `${((bar.all - bar.failed) / most) * 100}px` }} />
            <span className={classes.bad} style={{ height: `${(bar.failed / most) * 100}px` }} />
            <span className={classes.time}>{hourOf(bar)}</span>
          </button>
        ))}
      </div>
      <Group gap="md" mt="xs">
        <Text size="xs" c="dimmed">
          <span className={classes.keyGood} /> not failed
        </Text>
        <Text size="xs" c="dimmed">
          <span className={classes.keyBad} /> failed
        </Text>
        <Text size="xs" c="dimmed" ml="auto">
          {COUNT.format(sum)} runs by the time they were made{exact ? "" : "; + means: at least so many"}
        </Text>
      </Group>
    </>
  );
}

const DAY = new Intl.DateTimeFormat(undefined, { weekday: "short", hour: "2-digit" });
const HOUR = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const long = (bar: Bar): boolean => new Date(bar.until).getTime() - new Date(bar.from).getTime() > 4 * 3_600_000;
const hourOf = (bar: Bar): string => (long(bar) ? DAY : HOUR).format(new Date(bar.from));
const timeOf = (bar: Bar): string => `${hourOf(bar)} to ${(long(bar) ? DAY : HOUR).format(new Date(bar.until))}`;
