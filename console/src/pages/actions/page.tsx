import { Badge, Group, MultiSelect, SimpleGrid, Text } from "@mantine/core";
import { IconBolt, IconPlus } from "@tabler/icons-react";
import { api, ask } from "~/api/client";
import type { Kind, Schemas } from "~/api/types";
import { useRefusal } from "~/app/me";
import { useAddress } from "~/app/navigate";
import { listOf, textOf } from "~/app/search";
import { LinkButton } from "~/shared/link";
import { LabelField } from "~/shared/listing/label-field";
import { Labels } from "~/shared/listing/labels";
import { Count, Listing, Row, ShowMore, usePages } from "~/shared/listing/listing";
import { SearchField } from "~/shared/listing/search-field";
import { Page } from "~/shared/page";
import { KINDS, kindName, subjectOf, useNames } from "~/shared/runs";
import { Empty, Failure, Waiting } from "~/shared/states";
import { StatusBadge } from "~/shared/status";
import { Time } from "~/shared/time";

export default function ActionsPage() {
  const [search, change] = useAddress();
  const query = {
    q: textOf(search.q) ?? null,
    kinds: listOf(search.kind).length ? (listOf(search.kind) as Kind[]) : null,
    label: listOf(search.label).length ? listOf(search.label) : null,
    sort_by: "name" as const,
    order: "asc" as const,
  };
  const { list, pages, total } = usePages(["actions", query], (page, signal) =>
    ask(api.GET("/api/v1/actions", { params: { query: { ...query, ...page } }, signal })),
  );
  const actions = pages.flatMap((page) => page.actions);
  const filtered = Boolean(query.q || query.kinds || query.label);
  return (
    <Page title="Actions" actions={<New />}>
      <SearchField label="Search by name or slug" value={query.q ?? ""} change={(q) => change({ q: q || undefined })} />
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="xs" maw={720}>
        <MultiSelect
          aria-label="Kind"
          placeholder={query.kinds ? undefined : "Kind"}
          data={KINDS.map((value) => ({ value, label: kindName(value) }))}
          value={query.kinds ?? []}
          onChange={(kind) => change({ kind: kind.length ? kind : undefined })}
          clearable
          searchable
          size="xs"
          clearButtonProps={{ "aria-label": "Any kind" }}
        />
        <LabelField value={query.label ?? []} change={(label) => change({ label: label.length ? label : undefined })} />
      </SimpleGrid>
      <Count count={list.data && total} one="action" many="actions" />
      {list.error && <Failure error={list.error} retry={() => void list.refetch()} />}
      {list.isPending && !list.error && <Waiting />}
      {list.data && actions.length === 0 && <Nothing filtered={filtered} />}
      {actions.length > 0 && <Rows actions={actions} />}
      <ShowMore list={list} />
    </Page>
  );
}

function New() {
  const refusal = useRefusal("operator");
  if (refusal) return null;
  return (
    <LinkButton to="/actions/new" leftSection={<IconPlus size={16} aria-hidden />}>
      New action
    </LinkButton>
  );
}

function Rows({ actions }: { actions: Schemas["ListedActionShape"][] }) {
  const { connections } = useNames();
  return (
    <Listing label="Actions">
      {actions.map((action) => {
        const connection = action.connectionId ? connections.get(action.connectionId) : undefined;
        const about = [kindName(action.kind), subjectOf(action), connection].filter(Boolean).join(" · ");
        return (
          <Row key={action.id} to={`/actions/${action.id}`} name={action.name} about={about}>
            <Labels labels={action.labels} />
            {action.status === "disabled" && (
              <Badge color="gray" variant="outline" tt="none">
                disabled
              </Badge>
            )}
            {action.latestRun ? (
              <Group gap={8}>
                <StatusBadge status={action.latestRun.status} />
                {action.latestRun.startedAt && (
                  <Text span c="dimmed" size="xs">
                    <Time at={action.latestRun.startedAt} />
                  </Text>
                )}
              </Group>
            ) : (
              <Badge color="gray" variant="light" tt="none" fw={500}>
                has not run
              </Badge>
            )}
          </Row>
        );
      })}
    </Listing>
  );
}

function Nothing({ filtered }: { filtered: boolean }) {
  if (filtered) {
    return (
      <Empty icon={IconBolt} title="No action matches">
        Look for fewer words, or take a filter away.
      </Empty>
    );
  }
  return (
    <Empty icon={IconBolt} title="There are no actions yet">
      An action is something that can be run again and again: an extraction, a transform, a request. Make the first one
      with New action, or from a source on the page Sources.
    </Empty>
  );
}
