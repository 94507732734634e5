import { Badge, SegmentedControl, Text } from "@mantine/core";
import { IconTable } from "@tabler/icons-react";
import { api, ask } from "~/api/client";
import type { Schemas } from "~/api/types";
import { useAddress } from "~/app/navigate";
import { textOf } from "~/app/search";
import { LinkButton } from "~/shared/link";
import { Count, Listing, Row, ShowMore, usePages } from "~/shared/listing/listing";
import { SearchField } from "~/shared/listing/search-field";
import { Page } from "~/shared/page";
import { Empty, Failure, Waiting } from "~/shared/states";
import { Time } from "~/shared/time";

type Layer = Schemas["DatasetShape"]["layer"];

export default function DatasetsPage() {
  const [search, change] = useAddress();
  const q = textOf(search.q) ?? null;
  const layer = textOf(search.layer) as Layer | undefined;
  const { list, pages, total } = usePages(["datasets", q, layer], (page, signal) =>
    ask(api.GET("/api/v1/datasets", { params: { query: { q, layer: layer ? [layer] : null, ...page } }, signal })),
  );
  const datasets = pages.flatMap((page) => page.datasets);
  return (
    <Page
      title="Datasets"
      actions={
        <LinkButton variant="default" to="/query">
          Query them
        </LinkButton>
      }
    >
      <SearchField label="Search by name" value={q ?? ""} change={(text) => change({ q: text || undefined })} />
      <SegmentedControl
        aria-label="Layer"
        size="xs"
        w="fit-content"
        value={layer ?? ""}
        onChange={(value) => change({ layer: value || undefined })}
        data={[
          { value: "", label: "All" },
          { value: "bronze", label: "Bronze" },
          { value: "silver", label: "Silver" },
          { value: "gold", label: "Gold" },
        ]}
      />
      <Count count={list.data && total} one="table" many="tables" />
      {list.error && <Failure error={list.error} retry={() => void list.refetch()} />}
      {list.isPending && !list.error && <Waiting />}
      {list.data && datasets.length === 0 && (
        <Empty icon={IconTable} title={q || layer ? "No table matches" : "There are no tables yet"}>
          {q || layer
            ? "Look for fewer words, or in all layers."
            : "An extraction writes bronze, a transform silver and gold. Begin with a source on the page Sources."}
        </Empty>
      )}
      {datasets.length > 0 && (
        <Listing label="Datasets">
          {datasets.map((each) => (
            <Row
              key={each.id}
              to={`/datasets/${each.id}`}
              name={each.name}
              about={`${each.rowCount.toLocaleString()} rows · ${each.columnCount} columns`}
            >
              <LayerBadge layer={each.layer} />
              <Text size="xs" c="dimmed">
                written <Time at={each.updatedAt} />
              </Text>
            </Row>
          ))}
        </Listing>
      )}
      <ShowMore list={list} />
    </Page>
  );
}

const COLOURS: Record<Layer, string> = { bronze: "orange", silver: "gray", gold: "yellow" };

export function LayerBadge({ layer }: { layer: Layer }) {
  return (
    <Badge variant="dot" color={COLOURS[layer]} tt="none" fw={500}>
      {layer}
    </Badge>
  );
}
