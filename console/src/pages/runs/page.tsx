import { Badge, Group, NativeSelect, Text } from "@mantine/core";
import { IconPlayerPlay } from "@tabler/icons-react";
import { useCallback, useMemo, useState } from "react";
import type { StreamState } from "~/api/stream";
import { useAddress } from "~/app/navigate";
import { textOf } from "~/app/search";
import { Page } from "~/shared/page";
import { useNames } from "~/shared/runs";
import { Empty, Failure, Waiting } from "~/shared/states";
import { BulkBar } from "./bulk-bar";
import { RunFilters } from "./filter-bar";
import { isFiltered, queryOf } from "./filters";
import { Rows } from "./rows";
import { useRuns } from "./use-runs";

const COUNT = new Intl.NumberFormat();

export default function RunsPage() {
  const [search, change] = useAddress();
  const [opened] = useState(() => Date.now());
  const query = useMemo(() => queryOf(search, opened), [search, opened]);
  const { list, runs, total, exact, state } = useRuns(query);
  const { actions } = useNames();
  const [selected, setSelected] = useState<Set<string>>(new Set());
  const select = useCallback((id: string, on: boolean) => {
    setSelected((before) => {
      const next = new Set(before);
      if (on) next.add(id);
      else next.delete(id);
      return next;
    });
  }, []);
  const more = useCallback(() => void list.fetchNextPage(), [list.fetchNextPage]);

  return (
    <Page title="Runs" actions={<Live state={state} />}>
      <RunFilters search={search} change={change} />
      <Group justify="space-between" gap="xs" mih={36}>
        {selected.size > 0 ? (
          <BulkBar selected={selected} runs={runs} query={query} total={total} clear={() => setSelected(new Set())} />
        ) : (
          <Text size="sm" c="dimmed" aria-live="polite">
            {list.data ? `${COUNT.format(total)}${exact ? "" : " and more"} ${total === 1 ? "run" : "runs"}` : " "}
          </Text>
        )}
        <NativeSelect
          size="xs"
          w={140}
          aria-label="Order"
          data={[
            { value: "newest", label: "Newest first" },
            { value: "oldest", label: "Oldest first" },
          ]}
          value={textOf(search.sort) === "oldest" ? "oldest" : "newest"}
          onChange={(event) => change({ sort: event.currentTarget.value === "oldest" ? "oldest" : undefined })}
        />
      </Group>
      {list.error && <Failure error={list.error} retry={() => void list.refetch()} />}
      {list.isPending && !list.error && <Waiting />}
      {list.data && runs.length === 0 && !list.error && <Nothing filtered={isFiltered(search)} />}
      {runs.length > 0 && (
        <Rows
          runs={runs}
          actions={actions}
          selected={selected}
          select={select}
          more={more}
          hasMore={list.hasNextPage}
          loading={list.isFetchingNextPage}
        />
      )}
    </Page>
  );
}

function Live({ state }: { state: StreamState | "polled" }) {
  const looks = {
    live: { color: "teal", text: "live" },
    polled: { color: "gray", text: "every 5 s" },
    connecting: { color: "yellow", text: "connecting" },
    ended: { color: "gray", text: "ended" },
  } as const;
  return (
    <Badge variant="dot" color={looks[state].color} tt="none" fw={500}>
      {looks[state].text}
    </Badge>
  );
}

function Nothing({ filtered }: { filtered: boolean }) {
  if (filtered) {
    return (
      <Empty icon={IconPlayerPlay} title="No run matches">
        Take a filter away, or choose a longer time.
      </Empty>
    );
  }
  return (
    <Empty icon={IconPlayerPlay} title="Nothing has run yet">
      Start a first run on the command line: <code>vai run dlt_extract --set source=sample</code>. It shows here at
      once.
    </Empty>
  );
}
