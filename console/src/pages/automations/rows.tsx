/** The rows of the list: only those in view are drawn, and only for them the last runs are asked. */
import { Loader, Text } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useEffect, useRef } from "react";
import type { Automation } from "~/api/types";
import { triggerText } from "~/shared/automations";
import { PageLink } from "~/shared/link";
import { StatusBadge } from "~/shared/status";
import { Time } from "~/shared/time";
import classes from "./rows.module.css";
import { Strip } from "./strip";

type Props = { automations: Automation[]; more: () => void; hasMore: boolean; loading: boolean };

export function Rows({ automations, more, hasMore, loading }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: automations.length,
    getScrollElement: () => box.current,
    estimateSize: () => (window.innerWidth < 768 ? 92 : 58),
    getItemKey: (index) => automations[index]?.id ?? index,
    overscan: 6,
  });
  const shown = rows.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && !loading && last >= automations.length - 15) more();
  }, [hasMore, loading, last, automations.length, more]);
  return (
    <div ref={box} className={classes.box} tabIndex={0} role="region" aria-label="List of automations">
      <ul className={classes.list} style={{ height: rows.getTotalSize() }}>
        {shown.map(({ index, start, size, key }) => (
          <li key={key} className={classes.place} style={{ transform: `translateY(${start}px)`, height: size }}>
            <Row automation={automations[index] as Automation} />
          </li>
        ))}
      </ul>
      {loading && <Loader size="xs" m="sm" aria-label="Loading more" />}
    </div>
  );
}

const Row = memo(function Row({ automation }: { automation: Automation }) {
  const next = automation.nextRunAt;
  return (
    <div className={classes.row}>
      <span className={classes.status}>
        <StatusBadge status={automation.status} />
      </span>
      <span className={classes.what}>
        <PageLink to={`/automations/${automation.id}`} className={classes.title} title={automation.name}>
          {automation.name}
        </PageLink>
        <Text span size="xs" c="dimmed" className={classes.slug}>
          {automation.slug} · {triggerText(automation.trigger)}
        </Text>
      </span>
      <span className={classes.strip}>
        <Strip automation={automation} />
      </span>
      <Text span size="xs" c="dimmed" className={classes.next}>
        {next ? (
          <>
            next <Time at={next} />
          </>
        ) : automation.trigger.type === "schedule" ? (
          "does not fire"
        ) : (
          ""
        )}
      </Text>
    </div>
  );
});
