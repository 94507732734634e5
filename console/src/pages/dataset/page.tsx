import { Group, Stack, Tabs, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { api, ask } from "~/api/client";
import { ROOT } from "~/api/root";
import type { Schemas } from "~/api/types";
import { useAddress, usePart } from "~/app/navigate";
import { queries } from "~/app/queries";
import { textOf } from "~/app/search";
import { LayerBadge } from "~/pages/datasets/page";
import { Facts } from "~/shared/facts";
import { FileLink, LinkButton, PageLink } from "~/shared/link";
import { bytes } from "~/shared/numbers";
import { Page } from "~/shared/page";
import { Failure, Waiting } from "~/shared/states";
import { Time } from "~/shared/time";
import { Columns } from "./columns";
import { Preview, previewOptions } from "./preview";
import { quoted } from "./quoted";
import { Checks, Versions } from "./versions";

const Lineage = lazy(() => import("./lineage"));

export type Dataset = Schemas["DatasetDetailShape"];

export default function DatasetPage() {
  const id = usePart("id");
  const found = useQuery({
    queryKey: ["dataset", id],
    queryFn: ({ signal }) => ask(api.GET("/api/v1/datasets/{dataset}", { params: { path: { dataset: id } }, signal })),
  });
  if (found.error && !found.data) return <Failure error={found.error} retry={() => void found.refetch()} />;
  if (!found.data) return <Waiting />;
  return <Shown key={id} dataset={found.data} />;
}

const TABS = ["overview", "preview", "versions", "lineage"] as const;
const NAMES = { overview: "Columns", preview: "Preview", versions: "Versions", lineage: "Lineage" } as const;

function Shown({ dataset }: { dataset: Dataset }) {
  const [search, change] = useAddress();
  const tab = textOf(search.tab) ?? "overview";
  const prefetch = (): void => void queries.prefetchQuery(previewOptions(dataset.id, dataset.columns.length));
  const ahead = { onPointerEnter: prefetch, onFocus: prefetch };
  return (
    <Page title={dataset.name} actions={<Buttons dataset={dataset} />}>
      <Group gap="xs">
        <LayerBadge layer={dataset.layer} />
        <Text size="sm" c="dimmed">
          written <Time at={dataset.updatedAt} />
        </Text>
      </Group>
      <About dataset={dataset} />
      <Checks checks={dataset.lastWrite?.checks ?? []} />
      <Tabs value={tab} onChange={(value) => change({ tab: value === "overview" ? undefined : (value ?? undefined) })}>
        <Tabs.List>
          {TABS.map((each) => (
            <Tabs.Tab key={each} value={each} {...(each === "preview" && ahead)}>
              {NAMES[each]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="overview" pt="md">
          {tab === "overview" && <Columns dataset={dataset} />}
        </Tabs.Panel>
        <Tabs.Panel value="preview" pt="md">
          {tab === "preview" && (
            <Preview id={dataset.id} label={`Some rows of ${dataset.name}`} columns={dataset.columns.length} />
          )}
        </Tabs.Panel>
        <Tabs.Panel value="versions" pt="md">
          {tab === "versions" && <Versions id={dataset.id} />}
        </Tabs.Panel>
        <Tabs.Panel value="lineage" pt="md">
          {tab === "lineage" && (
            <Suspense fallback={<Waiting />}>
              <Lineage dataset={dataset} />
            </Suspense>
          )}
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}

function Buttons({ dataset }: { dataset: Dataset }) {
  const file = (format: string): string => `${ROOT}/api/v1/datasets/${dataset.id}/download?format=${format}`;
  return (
    <>
      <LinkButton size="xs" to="/query" search={{ sql: `SELECT * FROM ${quoted(dataset.name)} LIMIT 100` }}>
        Query
      </LinkButton>
      <FileLink href={file("csv")} name={`${dataset.name}.csv`}>
        CSV
      </FileLink>
      <FileLink href={file("parquet")} name={`${dataset.name}.parquet`}>
        Parquet
      </FileLink>
    </>
  );
}

function About({ dataset }: { dataset: Dataset }) {
  const last = dataset.lastWrite;
  return (
    <Stack gap="sm">
      <Facts
        facts={[
          ["Rows", dataset.rowCount.toLocaleString()],
          ["Columns", dataset.columnCount],
          ["Size", dataset.bytes === null ? null : bytes(dataset.bytes)],
          ["Files", dataset.files?.toLocaleString()],
          ["Version", dataset.version],
          [
            "Written by",
            last && (
              <PageLink key="run" to={`/runs/${last.runId}`}>
                {last.action?.name ?? last.automation?.name ?? "a run"}
              </PageLink>
            ),
          ],
          [
            "Connection",
            last?.connection?.id && (
              <PageLink key="connection" to={`/connections/${last.connection.id}`}>
                {last.connection.name ?? last.connection.id}
              </PageLink>
            ),
          ],
          ["Made", <Time key="made" at={dataset.createdAt} as="day" />],
        ]}
      />
      {dataset.readBy.length > 0 && (
        <Text size="sm">
          Read by:{" "}
          {dataset.readBy.map((each, index) => (
            <span key={each.id}>
              {index > 0 && ", "}
              <PageLink to={`/datasets/${each.id}`}>{each.name}</PageLink>
            </span>
          ))}
        </Text>
      )}
    </Stack>
  );
}
