/** Filters of a page, as they stand in its address: a search, and fields that fold away on a narrow screen. */
import { Button, Collapse, Group, MultiSelect, Select, SimpleGrid } from "@mantine/core";
import { useDisclosure, useMediaQuery } from "@mantine/hooks";
import { IconFilter, IconX } from "@tabler/icons-react";
import { Children, type ReactNode, startTransition, useEffect, useState } from "react";
import { listOf, type Search, textOf } from "~/app/search";
import { KINDS, kindName } from "~/shared/runs";
import { lookOf } from "~/shared/status";
import classes from "./listing.module.css";
import { SearchField } from "./search-field";

/** Milliseconds. */
const SOON = 60;

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

/** False while the page is drawn first, then true: fields take long to draw, and what people came for goes before. */
function useSoon(): boolean {
  const [soon, setSoon] = useState(false);
  useEffect(() => {
    const later = setTimeout(() => startTransition(() => setSoon(true)), SOON);
    return () => clearTimeout(later);
  }, []);
  return soon;
}

type BarProps = { search: Search; change: Change; label: string; filtered: boolean; none: Parameters<Change>[0] };

export function FilterBar({ search, change, label, filtered, none, children }: BarProps & { children: ReactNode }) {
  const narrow = useMediaQuery("(max-width: 48em)");
  const [open, { toggle }] = useDisclosure(false);
  const fields = (
    <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }} spacing="xs" verticalSpacing="xs">
      {useSoon() ? children : Children.map(children, () => <div className={classes.place} />)}
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
