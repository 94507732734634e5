import { Badge, Text } from "@mantine/core";
import { IconPlug, IconPlus } from "@tabler/icons-react";
import { api, ask } from "~/api/client";
import { useRefusal } from "~/app/me";
import { useAddress } from "~/app/navigate";
import { textOf } from "~/app/search";
import { ConnectionStatus } from "~/shared/catalogue/connection-status";
import { LinkButton } from "~/shared/link";
import { Count, Listing, Row, ShowMore, usePages } from "~/shared/listing/listing";
import { SearchField } from "~/shared/listing/search-field";
import { Page } from "~/shared/page";
import { Empty, Failure, Waiting } from "~/shared/states";
import { Time } from "~/shared/time";

export default function ConnectionsPage() {
  const [search, change] = useAddress();
  const q = textOf(search.q) ?? null;
  const { list, pages, total } = usePages(["connections", "list", q], (page, signal) =>
    ask(api.GET("/api/v1/connections", { params: { query: { q, ...page } }, signal })),
  );
  const connections = pages.flatMap((page) => page.connections);
  return (
    <Page title="Connections" actions={<New />}>
      <SearchField label="Search by name or slug" value={q ?? ""} change={(text) => change({ q: text || undefined })} />
      <Count count={list.data && total} one="connection" many="connections" />
      {list.error && <Failure error={list.error} retry={() => void list.refetch()} />}
      {list.isPending && !list.error && <Waiting />}
      {list.data && connections.length === 0 && (
        <Empty icon={IconPlug} title={q ? "No connection matches" : "There are no connections yet"}>
          {q
            ? "Look for fewer words."
            : "A connection is an account at a shop, a database, a store of files or a provider of models, with its credentials. Make the first one with New connection."}
        </Empty>
      )}
      {connections.length > 0 && (
        <Listing label="Connections">
          {connections.map((each) => (
            <Row
              key={each.id}
              to={`/connections/${each.id}`}
              name={each.name}
              about={`${each.provider} · ${each.slug}`}
            >
              {each.isDefault && (
                <Badge color="gray" variant="light" tt="none" fw={500}>
                  default
                </Badge>
              )}
              <ConnectionStatus status={each.status} />
              <Text size="xs" c="dimmed">
                changed <Time at={each.updatedAt} />
              </Text>
            </Row>
          ))}
        </Listing>
      )}
      <ShowMore list={list} />
    </Page>
  );
}

function New() {
  const refusal = useRefusal("admin");
  if (refusal) return null;
  return (
    <LinkButton to="/connections/new" leftSection={<IconPlus size={16} aria-hidden />}>
      New connection
    </LinkButton>
  );
}
