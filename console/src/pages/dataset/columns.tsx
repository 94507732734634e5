import { Button, Group, Paper, SimpleGrid, Stack, Table, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Fragment, useState } from "react";
import { api, ask } from "~/api/client";
import type { Schemas } from "~/api/types";
import { Failure, Waiting } from "~/shared/states";
import { ColumnLineage } from "./column-lineage";
import type { Dataset } from "./page";

const FIRST = 200;
const WHATS = ["Profile", "Lineage"] as const;
type What = (typeof WHATS)[number];

/** The schema; each column's values, and what it comes from, are looked at when somebody asks for them. */
export function Columns({ dataset }: { dataset: Dataset }) {
  const [open, setOpen] = useState<{ name: string; what: What }>();
  const [words, setWords] = useState("");
  const [all, setAll] = useState(false);
  const found = dataset.columns.filter((each) => each.name.toLowerCase().includes(words.toLowerCase()));
  const shown = all ? found : found.slice(0, FIRST);
  return (
    <Stack gap="sm">
      {dataset.columns.length > 20 && (
        <TextInput
          aria-label="Find a column"
          placeholder="Find a column"
          maw={320}
          size="xs"
          value={words}
          onChange={(event) => setWords(event.currentTarget.value)}
        />
      )}
      <Paper withBorder>
        <Table verticalSpacing={6} layout="fixed">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Column</Table.Th>
              <Table.Th visibleFrom="sm">Type</Table.Th>
              <Table.Th w={190}>More</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {shown.map(({ name, type }) => (
              <Fragment key={name}>
                <Table.Tr>
                  <Table.Td style={{ overflowWrap: "anywhere" }}>
                    {name}
                    <Text size="xs" c="dimmed" hiddenFrom="sm">
                      {type}
                    </Text>
                  </Table.Td>
                  <Table.Td visibleFrom="sm" style={{ overflowWrap: "anywhere" }}>
                    <Text size="xs" c="dimmed">
                      {type}
                    </Text>
                  </Table.Td>
                  <Table.Td>
                    <Group gap={6} wrap="nowrap">
                      {WHATS.map((what) => {
                        const isOpen = open?.name === name && open.what === what;
                        return (
                          <Button
                            key={what}
                            size="compact-xs"
                            variant="default"
                            aria-expanded={isOpen}
                            aria-label={`${what} of ${name}`}
                            onClick={() => setOpen(isOpen ? undefined : { name, what })}
                          >
                            {what}
                          </Button>
                        );
                      })}
                    </Group>
                  </Table.Td>
                </Table.Tr>
                {open?.name === name && (
                  <Table.Tr>
                    <Table.Td colSpan={3}>
                      {open.what === "Profile" && <Profile id={dataset.id} column={name} />}
                      {open.what === "Lineage" && <ColumnLineage dataset={dataset} column={name} />}
                    </Table.Td>
                  </Table.Tr>
                )}
              </Fragment>
            ))}
          </Table.Tbody>
        </Table>
      </Paper>
      {found.length > shown.length && (
        <Group justify="center">
          <Button variant="default" onClick={() => setAll(true)}>
            Show all {found.length.toLocaleString()} columns
          </Button>
        </Group>
      )}
    </Stack>
  );
}

function Profile({ id, column }: { id: string; column: string }) {
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ["profile", id, column],
    queryFn: ({ signal }) =>
      ask(
        api.GET("/api/v1/datasets/{dataset}/profile", {
          params: { path: { dataset: id }, query: { column } },
          signal,
        }),
      ),
    staleTime: 60_000,
  });
  if (error) return <Failure error={error} retry={() => void refetch()} />;
  if (isPending || !data) return <Waiting />;
  return (
    <Stack gap="xs" py="xs">
      <SimpleGrid cols={{ base: 2, sm: 4 }} spacing="xs" component="dl" m={0}>
        {factsOf(data).map(([name, value]) => (
          <div key={name}>
            <Text component="dt" size="xs" c="dimmed">
              {name}
            </Text>
            <Text component="dd" m={0} size="sm" style={{ overflowWrap: "anywhere" }}>
              {value}
            </Text>
          </div>
        ))}
      </SimpleGrid>
      {data.mostFrequent?.some((each) => each.rows > 1) && (
        <Stack gap={2}>
          <Text size="xs" c="dimmed">
            Most frequent
          </Text>
          {data.mostFrequent.slice(0, 10).map((each) => (
            <Group key={each.value} gap="xs" wrap="nowrap" justify="space-between" maw={520}>
              <Text size="sm" truncate>
                {each.value === "" ? "(empty)" : each.value}
              </Text>
              <Text size="xs" c="dimmed" style={{ whiteSpace: "nowrap" }}>
                {each.rows.toLocaleString()} ({percent(each.rows, data.rows)})
              </Text>
            </Group>
          ))}
        </Stack>
      )}
    </Stack>
  );
}

const percent = (part: number, all: number): string => (all ? `${((100 * part) / all).toFixed(1)} %` : "0 %");

function factsOf(found: Schemas["ProfileShape"]): [string, string][] {
  const all: [string, string | null | undefined][] = [
    ["Rows", found.rows.toLocaleString()],
    ["NULL", `${found.nulls.toLocaleString()} (${percent(found.nulls, found.rows)})`],
    ["Different values, about", found.distinct.toLocaleString()],
    ["Least", found.min],
    ["Greatest", found.max],
    ["Mean", found.mean?.toLocaleString()],
    ["Quartiles, about", found.quartiles?.map((each) => each.toLocaleString()).join(" · ")],
  ];
  return all.filter((each): each is [string, string] => each[1] !== null && each[1] !== undefined);
}
