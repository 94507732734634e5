import { ActionIcon, Button, Checkbox, Group, SegmentedControl, Text, TextInput, Tooltip } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconArrowBarToDown, IconCopy, IconDownload, IconSearch } from "@tabler/icons-react";
import { useVirtualizer, type Virtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import { readLog } from "~/api/logs";
import { messageOf } from "~/api/problem";
import type { LogEntry, Run } from "~/api/types";
import { useAddress } from "~/app/navigate";
import { textOf } from "~/app/search";
import { saveFile } from "~/shared/save-file";
import { Failure, Waiting } from "~/shared/states";
import { isLive } from "~/shared/status";
import classes from "./log.module.css";
import { useLog } from "./log-entries";
import { LogLine } from "./log-line";

const RANK = { info: 0, warning: 1, error: 2 } as const;
type Level = keyof typeof RANK;

export function Log({ run }: { run: Run }) {
  const [search, change] = useAddress();
  const asked = textOf(search.entry);
  const at = asked?.startsWith(`${run.id}-`) ? asked : undefined;
  const log = useLog(run.id, at);
  const level = (textOf(search.level) ?? "info") as Level;
  const words = (textOf(search.find) ?? "").toLowerCase();
  const [following, setFollowing] = useState(!at);
  const follow = (on: boolean): void => {
    setFollowing(on);
    if (on && at) change({ entry: undefined });
  };
  const shown = useMemo(
    () =>
      log.entries.filter(
        (entry) =>
          RANK[entry.level] >= (RANK[level] ?? 0) &&
          (!words || `${entry.message} ${entry.event}`.toLowerCase().includes(words)),
      ),
    [log.entries, level, words],
  );
  if (log.error !== null && !log.entries.length) return <Failure error={log.error} retry={log.again} />;
  if (!log.loaded) return <Waiting />;
  return (
    <div>
      <Group gap="xs" mb="xs">
        <TextInput
          size="xs"
          flex="1 1 160px"
          maw={320}
          data-search
          aria-label="Find in the log"
          placeholder="Find in the log"
          leftSection={<IconSearch size={14} aria-hidden />}
          value={textOf(search.find) ?? ""}
          onChange={(event) => change({ find: event.currentTarget.value || undefined })}
        />
        <SegmentedControl
          size="xs"
          aria-label="Lowest level"
          value={level}
          onChange={(value) => change({ level: value === "info" ? undefined : value })}
          data={[
            { value: "info", label: "All" },
            { value: "warning", label: "Warnings" },
            { value: "error", label: "Errors" },
          ]}
        />
        <Checkbox
          size="xs"
          label="Follow"
          checked={following}
          onChange={(event) => follow(event.currentTarget.checked)}
        />
        <Group gap={4} ml="auto">
          <Text size="xs" c="dimmed" aria-live="polite">
            {shown.length.toLocaleString()} {shown.length === 1 ? "entry" : "entries"}
            {isLive(run.status) && !log.ended ? " · live" : ""}
          </Text>
          <CopyShown entries={shown} />
          <Tooltip label="Download all of it (NDJSON)">
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label="Download the log"
              onClick={() =>
                download(run.id).catch((error) => notifications.show({ color: "red", message: messageOf(error) }))
              }
            >
              <IconDownload size={16} aria-hidden />
            </ActionIcon>
          </Tooltip>
        </Group>
      </Group>
      {shown.length === 0 ? (
        <Text size="sm" c="dimmed" p="md">
          {log.entries.length ? "No entry matches." : "Nothing has been logged yet."}
        </Text>
      ) : (
        <Lines
          entries={shown}
          older={log.older !== null}
          readOlder={log.readOlder}
          following={following}
          setFollowing={follow}
          at={at}
        />
      )}
    </div>
  );
}

function CopyShown({ entries }: { entries: LogEntry[] }) {
  const copy = (): void => {
    const text = entries
      .map((entry) => `${entry.occurredAt} [${entry.level}] ${entry.event} - ${entry.message}`)
      .join("\n");
    void navigator.clipboard.writeText(text);
  };
  return (
    <Tooltip label="Copy what is shown">
      <ActionIcon variant="subtle" color="gray" aria-label="Copy what is shown" onClick={copy}>
        <IconCopy size={16} aria-hidden />
      </ActionIcon>
    </Tooltip>
  );
}

/** Reads the whole log page by page, as NDJSON, and hands it over as one file. */
async function download(id: string): Promise<void> {
  const parts: string[] = [];
  let after: string | null = null;
  for (;;) {
    const page = await readLog(id, { limit: 500, after });
    parts.push(page.entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
    if (!page.hasMore || !page.nextCursor) break;
    after = page.nextCursor;
  }
  saveFile(new Blob(parts, { type: "application/x-ndjson" }), `run-${id}.ndjson`);
}

/** Pixels of an entry that is one line. */
const LINE = 24;

/** The height as the browser tells it after its own layout. To ask for it when a line is added costs a layout each. */
function heightOf(element: Element, told: ResizeObserverEntry | undefined, lines: Lined): number {
  const size = told?.borderBoxSize[0]?.blockSize;
  if (size !== undefined) return Math.round(size);
  return lines.measurementsCache[lines.indexFromElement(element)]?.size ?? LINE;
}

type Lined = Virtualizer<HTMLDivElement, Element>;

type LinesProps = {
  entries: LogEntry[];
  older: boolean;
  readOlder: () => Promise<void>;
  following: boolean;
  setFollowing: (on: boolean) => void;
  /** The entry that the page was opened at. */
  at: string | undefined;
};

function Lines({ entries, older, readOlder, following, setFollowing, at }: LinesProps) {
  const box = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<Set<string>>(new Set());
  const lines = useVirtualizer({
    count: entries.length,
    getScrollElement: () => box.current,
    estimateSize: () => LINE,
    getItemKey: (index) => entries[index]?.id ?? index,
    // At the end of a log that grows, lines above are soon out of sight.
    overscan: following ? 3 : 10,
    measureElement: heightOf,
    // A line that comes is no hurry: without this each notice of a scroll is a rendering of its own.
    useFlushSync: false,
  });
  const count = entries.length;
  useEffect(() => {
    if (following && count) lines.scrollToIndex(count - 1, { align: "end" });
  }, [following, count, lines]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the log is there; then one scrolls
  useEffect(() => {
    const index = at ? entries.findIndex((entry) => entry.id === at) : -1;
    if (index >= 0) lines.scrollToIndex(index, { align: "center" });
  }, [at]);

  function scrolled(): void {
    const view = box.current;
    if (!view) return;
    const atEnd = view.scrollHeight - view.scrollTop - view.clientHeight < 40;
    if (!atEnd && following && view.scrollTop < (lines.scrollOffset ?? 0)) setFollowing(false);
    if (view.scrollTop < 200 && older && !following) void readOlder();
  }

  const toggle = (id: string): void =>
    setOpen((before) => {
      const next = new Set(before);
      if (!next.delete(id)) next.add(id);
      return next;
    });

  return (
    <div className={classes.frame}>
      <div
        ref={box}
        className={classes.box}
        tabIndex={0}
        role="log"
        aria-label="Log of the run"
        aria-live="off"
        onScroll={scrolled}
        onWheel={(event) => event.deltaY < 0 && setFollowing(false)}
      >
        {older && (
          <Button size="compact-xs" variant="subtle" onClick={() => void readOlder()} m={4}>
            Read older entries
          </Button>
        )}
        <div className={classes.lines} style={{ height: lines.getTotalSize() }}>
          {lines.getVirtualItems().map(({ index, start, key }) => {
            const entry = entries[index] as LogEntry;
            return (
              <div
                key={key}
                ref={lines.measureElement}
                data-index={index}
                className={classes.place}
                data-asked={entry.id === at || undefined}
                style={{ transform: `translateY(${start}px)` }}
              >
                <LogLine entry={entry} open={open.has(entry.id)} toggle={toggle} />
              </div>
            );
          })}
        </div>
      </div>
      {!following && (
        <Button
          size="compact-sm"
          className={classes.toEnd}
          leftSection={<IconArrowBarToDown size={14} aria-hidden />}
          onClick={() => setFollowing(true)}
        >
          To the end
        </Button>
      )}
    </div>
  );
}
