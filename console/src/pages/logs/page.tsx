/** What the logs of all runs say: searched by text, level, time and run; everything stands in the address. */
import { Button, Group, SegmentedControl, Text } from "@mantine/core";
import { IconFileSearch } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import { useAddress } from "~/app/navigate";
import { listOf, type Search, textOf } from "~/app/search";
import {
  type Change,
  FilterBar,
  KIND_OPTIONS,
  Many,
  One,
  optionsOf,
  STATUSES,
  TIMES,
} from "~/shared/listing/filter-bar";
import { LabelField } from "~/shared/listing/label-field";
import { counted } from "~/shared/numbers";
import { Page } from "~/shared/page";
import { useNames } from "~/shared/runs";
import { Empty, Failure, Waiting } from "~/shared/states";
import { Time } from "~/shared/time";
import { isFiltered, NONE, queryOf } from "./filters";
import { Found } from "./found";
import { useSearchOfLogs } from "./use-search";

export default function LogsPage() {
  const [search, change] = useAddress();
  const [opened] = useState(() => Date.now());
  const query = useMemo(() => queryOf(search, opened), [search, opened]);
  const { list, groups, found, goesOn, runsRead, entriesRead, readBackTo } = useSearchOfLogs(query);
  const looking = list.isPending || goesOn;
  return (
    <Page title="Logs">
      <Filters search={search} change={change} />
      {list.error && <Failure error={list.error} retry={() => void list.refetch()} />}
      {looking && !list.error && <Waiting />}
      {list.data && found === 0 && !looking && !list.error && (
        <Nothing filtered={isFiltered(search)} more={list.hasNextPage} />
      )}
      {groups.map((group, place) => (
        // A run that goes on over two pages has two groups.
        <Found key={`${group.run.id} ${group.entries[0]?.id ?? place}`} {...group} />
      ))}
      {list.data && !looking && (
        <Group justify="space-between" gap="xs">
          <Text size="sm" c="dimmed" aria-live="polite">
            {counted(found, "entry", "entries")} found in {counted(entriesRead, "entry", "entries")} of{" "}
            {counted(runsRead, "run", "runs")}
            {readBackTo && (
              <>
                , back to <Time at={readBackTo} as="day" />
              </>
            )}
          </Text>
          {list.hasNextPage && (
            <Button
              variant="default"
              loading={list.isFetchingNextPage}
              onClick={() => void list.fetchNextPage({ cancelRefetch: false })}
            >
              Search further back
            </Button>
          )}
        </Group>
      )}
    </Page>
  );
}

function Filters({ search, change }: { search: Search; change: Change }) {
  const { actions, automations, connections } = useNames();
  const its = { search, change };
  return (
    <FilterBar {...its} label="Search in messages" filtered={isFiltered(search)} none={NONE}>
      <SegmentedControl
        size="xs"
        aria-label="Lowest level"
        value={textOf(search.level) ?? "info"}
        onChange={(value) => change({ level: value === "info" ? undefined : value })}
        data={[
          { value: "info", label: "All" },
          { value: "warning", label: "Warnings" },
          { value: "error", label: "Errors" },
        ]}
      />
      <One {...its} name="since" label="Any time" data={TIMES} />
      <Many {...its} name="status" label="Status of the run" data={STATUSES} />
      <Many {...its} name="kind" label="Kind" data={KIND_OPTIONS} />
      <One {...its} name="action_id" label="Action" data={optionsOf(actions)} />
      <One {...its} name="automation_id" label="Automation" data={optionsOf(automations)} />
      <One {...its} name="connection_id" label="Connection" data={optionsOf(connections)} />
      <LabelField
        value={listOf(search.label)}
        change={(label) => change({ label: label.length ? label : undefined })}
      />
    </FilterBar>
  );
}

function Nothing({ filtered, more }: { filtered: boolean; more: boolean }) {
  if (!filtered) {
    return (
      <Empty icon={IconFileSearch} title="Nothing has been logged yet">
        What runs write stands here for 30 days. Start one on the command line:{" "}
        <code>vai run dlt_extract --set source=sample</code>.
      </Empty>
    );
  }
  return (
    <Empty icon={IconFileSearch} title={more ? "Nothing found so far" : "No entry matches"}>
      {more ? "Search further back, or name an action, a kind or a time." : "Take a filter away, or search for less."}
    </Empty>
  );
}
