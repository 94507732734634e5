import { Button, Collapse, Group, MultiSelect, Select, SimpleGrid } from "@mantine/core";
import { useDisclosure, useMediaQuery } from "@mantine/hooks";
import { IconFilter, IconX } from "@tabler/icons-react";
import { listOf, type Search, textOf } from "~/app/search";
import { LabelField } from "~/shared/listing/label-field";
import { SearchField } from "~/shared/listing/search-field";
import { KINDS, kindName, useNames } from "~/shared/runs";
import { lookOf } from "~/shared/status";
import { isFiltered, NONE } from "./filters";

const STATUSES = ["pending", "awaiting_approval", "running", "completed", "failed", "cancelled", "rejected"];
const TRIGGERS = ["ui", "api", "cli", "schedule", "webhook", "event", "automation", "agent", "retry"];
const TIMES = [
  { value: "1h", label: "Last hour" },
  { value: "24h", label: "Last 24 hours" },
  { value: "7d", label: "Last 7 days" },
  { value: "30d", label: "Last 30 days" },
];

type Change = (changes: Record<string, string | string[] | undefined>) => void;

export function FilterBar({ search, change }: { search: Search; change: Change }) {
  const narrow = useMediaQuery("(max-width: 48em)");
  const [open, { toggle }] = useDisclosure(false);
  return (
    <>
      <Group gap="xs" wrap="nowrap">
        <SearchField
          label="Search by action, key, trigger or error"
          value={textOf(search.q) ?? ""}
          change={(q) => change({ q: q || undefined })}
        />
        <Button
          variant="default"
          leftSection={<IconFilter size={16} aria-hidden />}
          onClick={toggle}
          hiddenFrom="sm"
          aria-expanded={open}
        >
          Filters
        </Button>
        {isFiltered(search) && (
          <Button variant="subtle" leftSection={<IconX size={16} aria-hidden />} onClick={() => change(NONE)}>
            Clear
          </Button>
        )}
      </Group>
      {narrow ? (
        <Collapse expanded={open}>
          <Fields search={search} change={change} />
        </Collapse>
      ) : (
        <Fields search={search} change={change} />
      )}
    </>
  );
}

function Fields({ search, change }: { search: Search; change: Change }) {
  const { actions, automations, connections } = useNames();
  const many = (name: string, label: string, data: { value: string; label: string }[]) => (
    <MultiSelect
      aria-label={label}
      placeholder={listOf(search[name]).length ? undefined : label}
      data={data}
      value={listOf(search[name])}
      onChange={(values) => change({ [name]: values.length ? values : undefined })}
      clearable
      searchable
      size="xs"
      clearButtonProps={{ "aria-label": `Any ${label.toLowerCase()}` }}
    />
  );
  const one = (name: string, label: string, data: { value: string; label: string }[]) => (
    <Select
      aria-label={label}
      placeholder={label}
      data={withChosen(data, textOf(search[name]))}
      value={textOf(search[name]) ?? null}
      onChange={(value) => change({ [name]: value ?? undefined })}
      clearable
      searchable
      size="xs"
      clearButtonProps={{ "aria-label": `Any ${label.toLowerCase()}` }}
    />
  );
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }} spacing="xs" verticalSpacing="xs">
      {many(
        "status",
        "Status",
        STATUSES.map((value) => ({ value, label: lookOf(value).text })),
      )}
      {many(
        "kind",
        "Kind",
        KINDS.map((value) => ({ value, label: kindName(value) })),
      )}
      {many(
        "trigger_method",
        "Trigger",
        TRIGGERS.map((value) => ({ value, label: value })),
      )}
      {one("since", "Any time", TIMES)}
      {one("action_id", "Action", optionsOf(actions))}
      {one("automation_id", "Automation", optionsOf(automations))}
      {one("connection_id", "Connection", optionsOf(connections))}
      <LabelField
        value={listOf(search.label)}
        change={(label) => change({ label: label.length ? label : undefined })}
      />
    </SimpleGrid>
  );
}

const optionsOf = (names: Map<string, string>) => [...names].map(([value, label]) => ({ value, label }));

/** An id from a shared link that is not among the names shown. */
const withChosen = (data: { value: string; label: string }[], chosen: string | undefined) =>
  chosen && !data.some((each) => each.value === chosen) ? [...data, { value: chosen, label: chosen }] : data;
