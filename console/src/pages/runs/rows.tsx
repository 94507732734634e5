/** The rows of the list: only those in view are drawn, however many there are. */
import { Loader } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useEffect, useRef, useState } from "react";
import type { ListedRun } from "~/api/types";
import { isTyping } from "~/app/keys";
import { useGo } from "~/app/navigate";
import { kindName, subjectOf } from "~/shared/runs";
import { StatusBadge } from "~/shared/status";
import { Lasting, Time } from "~/shared/time";
import classes from "./rows.module.css";

type Props = {
  runs: ListedRun[];
  actions: Map<string, string>;
  selected: Set<string>;
  select: (id: string, on: boolean) => void;
  more: () => void;
  hasMore: boolean;
  loading: boolean;
};

export function Rows({ runs, actions, selected, select, more, hasMore, loading }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: runs.length,
    getScrollElement: () => box.current,
    estimateSize: () => (window.innerWidth < 768 ? 68 : 44),
    getItemKey: (index) => runs[index]?.id ?? index,
    overscan: 12,
    // Before the box is measured, so that rows are drawn with the page and not after it.
    initialRect: { width: window.innerWidth, height: window.innerHeight - 270 },
  });
  const shown = rows.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && !loading && last >= runs.length - 30) more();
  }, [hasMore, loading, last, runs.length, more]);
  const current = useRowKeys(runs, selected, select, (index) => rows.scrollToIndex(index));

  return (
    <div ref={box} className={classes.box} tabIndex={0} role="region" aria-label="List of runs">
      <ul className={classes.list} style={{ height: rows.getTotalSize() }}>
        {shown.map(({ index, start, size, key }) => {
          const run = runs[index] as ListedRun;
          return (
            <li key={key} className={classes.place} style={{ transform: `translateY(${start}px)`, height: size }}>
              <Row
                run={run}
                name={run.actionId ? actions.get(run.actionId) : undefined}
                selected={selected.has(run.id)}
                current={current === run.id}
                select={select}
              />
            </li>
          );
        })}
      </ul>
      {loading && (
        <div className={classes.more}>
          <Loader size="xs" aria-label="Loading more" />
        </div>
      )}
    </div>
  );
}

type RowProps = {
  run: ListedRun;
  name: string | undefined;
  selected: boolean;
  current: boolean;
  select: (id: string, on: boolean) => void;
};

/** Plain elements: drawing those of the component library takes several times as long, and a screen has thirty rows. */
const Row = memo(function Row({ run, name, selected, current, select }: RowProps) {
  const title = name ?? (subjectOf(run) || run.id);
  return (
    <div className={classes.row} data-current={current || undefined} data-selected={selected || undefined}>
      <input
        type="checkbox"
        className={classes.check}
        checked={selected}
        onChange={(event) => select(run.id, event.currentTarget.checked)}
        aria-label={`Select ${title}`}
      />
      <span className={classes.status}>
        <StatusBadge status={run.displayStatus} />
      </span>
      <span className={classes.what}>
        <Link to={`/runs/${run.id}` as string} className={classes.title} title={title}>
          {title}
        </Link>
        <span className={classes.kind}>
          {kindName(run.kind)}
          {run.error && typeof run.error.message === "string" ? ` · ${run.error.message}` : ""}
        </span>
      </span>
      <span className={classes.trigger}>{run.triggerMethod}</span>
      <span className={classes.time}>
        <Time at={run.createdAt} />
      </span>
      <span className={classes.lasting}>
        {run.startedAt ? <Lasting from={run.startedAt} to={run.completedAt} /> : "–"}
      </span>
    </div>
  );
});

/** `j` and `k` move through the rows, Enter opens one, `x` selects it. */
function useRowKeys(
  runs: ListedRun[],
  selected: Set<string>,
  select: (id: string, on: boolean) => void,
  show: (index: number) => void,
): string | undefined {
  const [current, setCurrent] = useState<string>();
  const go = useGo();
  const latest = useRef({ runs, selected, select, show, current });
  latest.current = { runs, selected, select, show, current };
  useEffect(() => {
    function press(event: KeyboardEvent): void {
      const now = latest.current;
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (document.querySelector('[role="dialog"]')) return;
      const at = now.runs.findIndex((run) => run.id === now.current);
      if (event.key === "j" || event.key === "k") {
        const next = Math.max(0, Math.min(now.runs.length - 1, at + (event.key === "j" ? 1 : -1)));
        setCurrent(now.runs[next]?.id);
        now.show(next);
      } else if (now.current && event.key === "x") {
        now.select(now.current, !now.selected.has(now.current));
      } else if (now.current && event.key === "Enter" && !(event.target as HTMLElement).closest("a, button, input")) {
        go(`/runs/${now.current}`);
      }
    }
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [go]);
  return current;
}
