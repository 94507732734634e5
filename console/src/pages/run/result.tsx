import { Group, Paper, SimpleGrid, Stack, Table, Text } from "@mantine/core";
import { IconBox } from "@tabler/icons-react";
import type { Run } from "~/api/types";
import { Json } from "~/shared/json";
import { bytes } from "~/shared/numbers";
import { Empty } from "~/shared/states";
import { isLive } from "~/shared/status";

const NUMBER = new Intl.NumberFormat();

type Artifact = { name?: unknown; size?: unknown };

export function Result({ run }: { run: Run }) {
  if (!run.result) {
    return (
      <Empty icon={IconBox} title={isLive(run.status) ? "No result yet" : "It has no result"}>
        {isLive(run.status) ? "It shows here when the run ends." : "The log says what happened."}
      </Empty>
    );
  }
  const numbers = Object.entries(run.result).filter((entry): entry is [string, number] => typeof entry[1] === "number");
  const found = run.result.artifacts;
  const artifacts = Array.isArray(found) ? (found as Artifact[]) : [];
  return (
    <Stack>
      {numbers.length > 0 && (
        <SimpleGrid cols={{ base: 2, sm: 4 }}>
          {numbers.slice(0, 8).map(([name, value]) => (
            <Paper key={name} withBorder p="sm">
              <Text size="xs" c="dimmed" truncate title={name}>
                {name}
              </Text>
              <Text size="lg" fw={650}>
                {/bytes/i.test(name) ? bytes(value) : NUMBER.format(value)}
              </Text>
            </Paper>
          ))}
        </SimpleGrid>
      )}
      {artifacts.length > 0 && <Artifacts artifacts={artifacts} />}
      <Json value={run.result} label="the result" />
    </Stack>
  );
}

function Artifacts({ artifacts }: { artifacts: Artifact[] }) {
  return (
    <Paper withBorder p="xs">
      <Table.ScrollContainer minWidth={280} maxHeight={260} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Artifact</Table.Th>
              <Table.Th ta="right">Size</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {artifacts.slice(0, 500).map((each) => (
              <Table.Tr key={String(each.name)}>
                <Table.Td>
                  <Group gap={6}>{String(each.name ?? "")}</Group>
                </Table.Td>
                <Table.Td ta="right">{typeof each.size === "number" ? bytes(each.size) : ""}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Paper>
  );
}
