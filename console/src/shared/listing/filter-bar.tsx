/** Filters of a page, as they stand in its address: a search, and fields that fold away on a narrow screen. */
import { Button, Collapse, Group, MultiSelect, Select, SimpleGrid } from "@mantine/core";
import { useDisclosure, useMediaQuery } from "@mantine/hooks";
import { IconFilter, IconX } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { listOf, type Search, textOf } from "~/app/search";
import { KINDS, kindName } from "~/shared/runs";
import { lookOf } from "~/shared/status";
import { SearchField } from "./search-field";

type Option = { value: string; label: string };
export type Change = (changes: Record<string, string | string[] | undefined>) => void;

export const STATUSES: Option[] = [
  "pending",
  "awaiting_approval",
  "running",
  "completed",
  "failed",
  "cancelled",
  "rejected",
].map((value) => ({ value, label: lookOf(value).text }));
export const KIND_OPTIONS: Option[] = KINDS.map((value) => ({ value, label: kindName(value) }));
export const TIMES: Option[] = [
  { value: "1h", label: "Last hour" },
  { value: "24h", label: "Last 24 hours" },
  { value: "7d", label: "Last 7 days" },
  { value: "30d", label: "Last 30 days" },
];
const SECONDS: Record<string, number> = { "1h": 3_600, "24h": 86_400, "7d": 604_800, "30d": 2_592_000 };

/** The instant that `since=24h` means, to the minute, so that what is asked stays the same for a while. */
export function sinceOf(value: string | undefined, now: number): string | undefined {
  const seconds = SECONDS[value ?? ""];
  return seconds ? new Date(Math.floor(now / 60_000) * 60_000 - seconds * 1_000).toISOString() : undefined;
}

type BarProps = { search: Search; change: Change; label: string; filtered: boolean; none: Parameters<Change>[0] };

export function FilterBar({ search, change, label, filtered, none, children }: BarProps & { children: ReactNode }) {
  const narrow = useMediaQuery("(max-width: 48em)");
  const [open, { toggle }] = useDisclosure(false);
  const fields = (
    <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }} spacing="xs" verticalSpacing="xs">
      {children}
    </SimpleGrid>
  );
  return (
    <>
      <Group gap="xs" wrap="nowrap">
        <SearchField label={label} value={textOf(search.q) ?? ""} change={(q) => change({ q: q || undefined })} />
        <Button
          variant="default"
          leftSection={<IconFilter size={16} aria-hidden />}
          onClick={toggle}
          hiddenFrom="sm"
          aria-expanded={open}
        >
          Filters
        </Button>
        {filtered && (
          <Button variant="subtle" leftSection={<IconX size={16} aria-hidden />} onClick={() => change(none)}>
            Clear
          </Button>
        )}
      </Group>
      {narrow ? <Collapse expanded={open}>{fields}</Collapse> : fields}
    </>
  );
}

type FieldProps = { name: string; label: string; data: Option[]; search: Search; change: Change };

export function Many({ name, label, data, search, change }: FieldProps) {
  return (
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
}

export function One({ name, label, data, search, change }: FieldProps) {
  return (
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
}

export const optionsOf = (names: Map<string, string>): Option[] =>
  [...names].map(([value, label]) => ({ value, label }));

/** An id from a shared link that is not among the names shown. */
const withChosen = (data: Option[], chosen: string | undefined): Option[] =>
  chosen && !data.some((each) => each.value === chosen) ? [...data, { value: chosen, label: chosen }] : data;
