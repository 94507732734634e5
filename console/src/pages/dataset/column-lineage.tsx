import { Stack, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import type { Schemas } from "~/api/types";
import { PageLink } from "~/shared/link";
import { Failure, Waiting } from "~/shared/states";
import type { Dataset } from "./page";

const MOST = 200;
const HOW = { identity: "as it is", transformation: "by an expression", aggregation: "aggregated" } as const;

type Found = Schemas["LineageShape"];
type Pair = Schemas["ColumnPairShape"];

/** What a column comes from, and what is made of it: a line for each pair of columns on the way. */
export function ColumnLineage({ dataset, column }: { dataset: Dataset; column: string }) {
  const ways = ["upstream", "downstream"] as const;
  return (
    <Stack gap="sm" py="xs">
      {ways.map((direction) => (
        <Way key={direction} dataset={dataset} column={column} direction={direction} />
      ))}
    </Stack>
  );
}

interface WayProps {
  dataset: Dataset;
  column: string;
  direction: "upstream" | "downstream";
}

function Way({ dataset, column, direction }: WayProps) {
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ["lineage", dataset.id, direction, column],
    queryFn: ({ signal }) =>
      ask(
        api.GET("/api/v1/datasets/{dataset}/lineage", {
          params: { path: { dataset: dataset.id }, query: { direction, depth: 5, column } },
          signal,
        }),
      ),
    staleTime: 60_000,
  });
  if (error) return <Failure error={error} retry={() => void refetch()} />;
  if (isPending || !data) return <Waiting />;
  const title = direction === "upstream" ? "Comes from" : "Goes into";
  const pairs = data.columns ?? [];
  return (
    <section aria-label={`${column}: ${title.toLowerCase()}`}>
      <Text size="xs" c="dimmed">
        {title}
      </Text>
      {pairs.length > 0 && <Pairs found={data} pairs={pairs.slice(0, MOST)} here={dataset.id} />}
      {pairs.length === 0 && (data.unknownColumns ?? []).length === 0 && (
        <Text size="sm">{direction === "upstream" ? "No column of another table." : "No other column."}</Text>
      )}
      <Unknown found={data} />
      {(pairs.length > MOST || !data.complete) && (
        <Text size="xs" c="dimmed">
          There is more than is shown here.
        </Text>
      )}
    </section>
  );
}

function Pairs({ found, pairs, here }: { found: Found; pairs: Pair[]; here: string }) {
  const names = namesOf(found);
  return (
    <Table verticalSpacing={4} layout="fixed">
      <Table.Tbody>
        {pairs.map((each) => (
          <Table.Tr key={JSON.stringify([each.source, each.sourceColumn, each.target, each.targetColumn, each.how])}>
            <Table.Td style={{ overflowWrap: "anywhere" }}>
              <Column id={each.source} table={names.get(each.source)} name={each.sourceColumn} here={here} />
            </Table.Td>
            <Table.Td style={{ overflowWrap: "anywhere" }}>
              <Column id={each.target} table={names.get(each.target)} name={each.targetColumn} here={here} />
            </Table.Td>
            <Table.Td w={140}>
              <Text size="xs" c="dimmed">
                {HOW[each.how]}
              </Text>
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function Column({ id, table, name, here }: { id: string; table: string | undefined; name: string; here: string }) {
  const shown = table ?? "another table";
  return (
    <Text size="sm" component="span">
      {id === here ? shown : <PageLink to={`/datasets/${id}`}>{shown}</PageLink>}: {name}
    </Text>
  );
}

function Unknown({ found }: { found: Found }) {
  const names = namesOf(found);
  return (found.unknownColumns ?? []).map((each) => (
    <Text key={each.dataset} size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>
      Not known in {names.get(each.dataset) ?? "another table"}
      {each.columns.length > 0 && `: ${each.columns.slice(0, 20).join(", ")}`}
      {each.columns.length > 20 && ` and ${(each.columns.length - 20).toLocaleString()} more`}
      {each.reason && ` (${each.reason})`}
    </Text>
  ));
}

const namesOf = (found: Found): Map<string, string> => new Map(found.nodes.map((each) => [each.id, each.name]));
