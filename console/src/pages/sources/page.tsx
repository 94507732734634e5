import { Badge, Text } from "@mantine/core";
import { IconDatabase } from "@tabler/icons-react";
import { useAddress } from "~/app/navigate";
import { textOf } from "~/app/search";
import { useSources } from "~/shared/catalogue/queries";
import { Count, Listing, Row } from "~/shared/listing/listing";
import { SearchField } from "~/shared/listing/search-field";
import { Page } from "~/shared/page";
import { Empty, Failure, Waiting } from "~/shared/states";

export default function SourcesPage() {
  const [search, change] = useAddress();
  const q = textOf(search.q) ?? "";
  const { data, error, isPending, refetch } = useSources();
  const words = q.toLowerCase();
  const shown = (data?.sources ?? []).filter((each) =>
    `${each.name} ${each.title} ${each.description}`.toLowerCase().includes(words),
  );
  return (
    <Page title="Sources">
      <SearchField label="Search by name" value={q} change={(text) => change({ q: text || undefined })} />
      <Count count={data && shown.length} one="source" many="sources" />
      {error && <Failure error={error} retry={() => void refetch()} />}
      {isPending && <Waiting />}
      {data && shown.length === 0 && (
        <Empty icon={IconDatabase} title="No source matches">
          What has an HTTP API is read by the source REST API, without a source of its own.
        </Empty>
      )}
      {shown.length > 0 && (
        <Listing label="Sources">
          {shown.map((each) => (
            <Row key={each.name} to={`/sources/${each.name}`} name={each.title} about={each.description}>
              {each.available ? (
                <Text size="xs" c="dimmed">
                  {each.resources.length > 0 ? `${each.resources.length} tables` : "tables by your definition"}
                </Text>
              ) : (
                <Badge color="gray" variant="outline" tt="none">
                  still to come
                </Badge>
              )}
            </Row>
          ))}
        </Listing>
      )}
    </Page>
  );
}
