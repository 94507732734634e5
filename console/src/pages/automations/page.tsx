import { Group, Select, Text, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconPlus, IconSearch, IconSitemap } from "@tabler/icons-react";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useCallback, useMemo, useState } from "react";
import { api, ask } from "~/api/client";
import { useAddress } from "~/app/navigate";
import { listOf, type Search, textOf } from "~/app/search";
import { LinkButton } from "~/shared/link";
import { Page } from "~/shared/page";
import { Empty, Failure, Waiting } from "~/shared/states";
import { Rows } from "./rows";

const PAGE = 50;
const COUNT = new Intl.NumberFormat();
const STATUSES = [
  { value: "active", label: "Enabled" },
  { value: "paused", label: "Paused" },
  { value: "error", label: "In error" },
];
const TRIGGERS = [
  { value: "schedule", label: "Schedule" },
  { value: "webhook", label: "Webhook" },
  { value: "event", label: "Event" },
  { value: "manual", label: "By hand" },
];
const ORDERS = {
  name: { label: "By name", query: { sort_by: "name", order: "asc" } },
  newest: { label: "Newest first", query: { sort_by: "created_at", order: "desc" } },
  changed: { label: "Last changed first", query: { sort_by: "updated_at", order: "desc" } },
} as const;

export default function AutomationsPage() {
  const [search, change] = useAddress();
  const { list, rows, total } = useAutomations(search);
  const more = useCallback(() => void list.fetchNextPage(), [list.fetchNextPage]);
  const filtered = ["q", "status", "trigger", "label"].some((name) => listOf(search[name]).length > 0);
  return (
    <Page
      title="Automations"
      actions={
        <LinkButton to="/automations/new" leftSection={<IconPlus size={16} aria-hidden />}>
          New automation
        </LinkButton>
      }
    >
      <Filters search={search} change={change} />
      <Text size="sm" c="dimmed" aria-live="polite">
        {list.data ? `${COUNT.format(total)} ${total === 1 ? "automation" : "automations"}` : " "}
      </Text>
      {list.error && <Failure error={list.error} retry={() => void list.refetch()} />}
      {list.isPending && !list.error && <Waiting />}
      {list.data && rows.length === 0 && !list.error && <Nothing filtered={filtered} />}
      {rows.length > 0 && (
        <Rows automations={rows} more={more} hasMore={list.hasNextPage} loading={list.isFetchingNextPage} />
      )}
    </Page>
  );
}

function useAutomations(search: Search) {
  const order = ORDERS[(textOf(search.sort) ?? "name") as keyof typeof ORDERS] ?? ORDERS.name;
  const query = useMemo(
    () => ({
      q: textOf(search.q) ?? "",
      statuses: listOf(search.status) as "active"[],
      triggers: listOf(search.trigger) as "manual"[],
      label: listOf(search.label),
      ...order.query,
    }),
    [search, order],
  );
  const list = useInfiniteQuery({
    queryKey: ["automations", query],
    queryFn: ({ pageParam, signal }) =>
      ask(api.GET("/api/v1/automations", { params: { query: { ...query, limit: PAGE, offset: pageParam } }, signal })),
    initialPageParam: 0,
    getNextPageParam: (last) => (last.hasNext ? last.offset + last.limit : undefined),
    placeholderData: keepPreviousData,
    refetchInterval: (state) => ((state.state.data?.pages.length ?? 1) === 1 ? 5_000 : false),
  });
  // A row that moved to the next page meanwhile is shown once.
  const rows = useMemo(
    () => [
      ...new Map((list.data?.pages ?? []).flatMap((page) => page.automations).map((each) => [each.id, each])).values(),
    ],
    [list.data],
  );
  return { list, rows, total: list.data?.pages[0]?.total ?? 0 };
}

type FilterProps = { search: Search; change: (changes: Record<string, string | undefined>) => void };

function Filters({ search, change }: FilterProps) {
  const [text, setText] = useState(textOf(search.q) ?? "");
  const send = useDebouncedCallback((q: string) => change({ q: q || undefined }), 300);
  const select = (name: string, label: string, data: { value: string; label: string }[], width: number) => (
    <Select
      aria-label={label}
      placeholder={label}
      data={data}
      value={textOf(search[name]) ?? null}
      onChange={(value) => change({ [name]: value ?? undefined })}
      clearable
      clearButtonProps={{ "aria-label": label }}
      w={width}
    />
  );
  return (
    <Group gap="xs">
      <TextInput
        flex="1 1 220px"
        maw={520}
        data-search
        aria-label="Search by name or slug"
        placeholder="Search by name or slug"
        leftSection={<IconSearch size={16} aria-hidden />}
        value={text}
        maxLength={255}
        onChange={(event) => {
          setText(event.currentTarget.value);
          send(event.currentTarget.value.trim());
        }}
      />
      {select("status", "Any status", STATUSES, 140)}
      {select("trigger", "Any trigger", TRIGGERS, 150)}
      <Select
        aria-label="Order"
        allowDeselect={false}
        data={Object.entries(ORDERS).map(([value, { label }]) => ({ value, label }))}
        value={textOf(search.sort) ?? "name"}
        onChange={(value) => change({ sort: value === "name" ? undefined : (value ?? undefined) })}
        w={170}
      />
    </Group>
  );
}

function Nothing({ filtered }: { filtered: boolean }) {
  if (filtered) {
    return (
      <Empty icon={IconSitemap} title="No automation matches">
        Search for something else, or take a filter away.
      </Empty>
    );
  }
  return (
    <Empty icon={IconSitemap} title="There is no automation yet">
      An automation runs steps one after another or beside each other: at times, when something happens, or when you
      start it. Press New automation; it begins with an example that works.
    </Empty>
  );
}
