/** What language models have used and cost today, and what is left. */
import { Alert, Badge, Paper, Progress, SimpleGrid, Stack, Table, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import { count, dollars } from "~/shared/numbers";
import { Failure, Waiting } from "~/shared/states";

export function Spend() {
  const found = useQuery({
    queryKey: ["models"],
    queryFn: ({ signal }) => ask(api.GET("/api/v1/models", { signal })),
    refetchInterval: 30_000,
  });
  if (found.error && !found.data) return <Failure error={found.error} retry={() => void found.refetch()} />;
  if (!found.data) return <Waiting />;
  const { today, models, connections } = found.data;
  return (
    <Stack>
      <Text size="sm" c="dimmed">
        Today, by the day of UTC, all calls of language models together.
      </Text>
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <Used what="Tokens" used={today.tokens} left={today.tokensLeft} show={count} />
        <Used what="US dollars" used={today.dollars} left={today.dollarsLeft} show={dollars} />
      </SimpleGrid>
      {connections.map((each) =>
        each.error ? (
          <Alert
            key={each.slug}
            color="yellow"
            styles={{ title: { color: "var(--mantine-color-text)" } }}
            title={`The models of ${each.slug} can't be listed`}
          >
            {String(each.error.message ?? "")}
          </Alert>
        ) : null,
      )}
      <Paper withBorder p="md">
        <Title order={2} mb="xs">
          Models and their prices
        </Title>
        {models.length === 0 && (
          <Text size="sm" c="dimmed">
            No model: connect a provider of models first.
          </Text>
        )}
        {models.length > 0 && (
          <Table.ScrollContainer minWidth={300} maxHeight={480} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
            <Table stickyHeader>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Model</Table.Th>
                  <Table.Th ta="right" style={{ whiteSpace: "normal" }}>
                    In, a million tokens
                  </Table.Th>
                  <Table.Th ta="right">Out</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {models.map((model) => (
                  <Table.Tr key={model.name}>
                    <Table.Td style={{ overflowWrap: "anywhere" }}>
                      {model.name} {model.isDefault && <Mark>default</Mark>}
                      {!model.allowed && <Mark>not allowed</Mark>}
                    </Table.Td>
                    <Table.Td ta="right">{model.price ? dollars(model.price.inputPerMillion) : "not known"}</Table.Td>
                    <Table.Td ta="right">{model.price ? dollars(model.price.outputPerMillion) : "not known"}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )}
      </Paper>
    </Stack>
  );
}

type UsedProps = { what: string; used: number; left: number | null; show: (value: number) => string };

function Used({ what, used, left, show }: UsedProps) {
  const most = left === null ? null : used + left;
  return (
    <Paper withBorder p="md">
      <Text size="xs" c="dimmed">
        {what}
      </Text>
      <Text fz={26} fw={650}>
        {show(used)}
      </Text>
      {most === null ? (
        <Text size="sm" c="dimmed">
          No limit is set.
        </Text>
      ) : (
        <>
          <Progress
            value={most > 0 ? (used / most) * 100 : 100}
            my={6}
            color={left === 0 ? "red" : undefined}
            aria-label={`${what} of the day that are used`}
          />
          <Text size="sm" c="dimmed">
            {show(left ?? 0)} left of {show(most)}
          </Text>
        </>
      )}
    </Paper>
  );
}

function Mark({ children }: { children: string }) {
  return (
    <Badge variant="outline" color="gray" tt="none" c="inherit" size="sm">
      {children}
    </Badge>
  );
}
