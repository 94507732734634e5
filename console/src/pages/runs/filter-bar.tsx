import { listOf, type Search } from "~/app/search";
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
import { useNames } from "~/shared/runs";
import { isFiltered, NONE } from "./filters";

const TRIGGERS = ["ui", "api", "cli", "schedule", "webhook", "event", "automation", "agent", "retry"];

export function RunFilters({ search, change }: { search: Search; change: Change }) {
  const { actions, automations, connections } = useNames();
  const its = { search, change };
  return (
    <FilterBar {...its} label="Search by action, key, trigger or error" filtered={isFiltered(search)} none={NONE}>
      <Many {...its} name="status" label="Status" data={STATUSES} />
      <Many {...its} name="kind" label="Kind" data={KIND_OPTIONS} />
      <Many {...its} name="trigger_method" label="Trigger" data={TRIGGERS.map((value) => ({ value, label: value }))} />
      <One {...its} name="since" label="Any time" data={TIMES} />
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
