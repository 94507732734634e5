/** The running instances of each service. */
import { Group, Table, Text } from "@mantine/core";
import { counted } from "~/shared/numbers";
import { kindName } from "~/shared/runs";
import { StatusBadge } from "~/shared/status";
import { Time } from "~/shared/time";
import { Slots } from "./queues";
import type { Process } from "./system";

export function Processes({ processes }: { processes: Process[] }) {
  const versions = new Set(processes.map((each) => each.version).filter(Boolean));
  return (
    <>
      {versions.size > 1 && (
        <Text size="sm" fw={500}>
          {counted(versions.size, "version")} run side by side: {[...versions].sort().join(", ")}.
        </Text>
      )}
      <Table.ScrollContainer minWidth={720} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
        <Table aria-label="Processes" verticalSpacing={6}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Process</Table.Th>
              <Table.Th>State</Table.Th>
              <Table.Th>Kinds</Table.Th>
              <Table.Th>Slots used</Table.Th>
              <Table.Th>Version</Table.Th>
              <Table.Th>Last beat</Table.Th>
              <Table.Th>Started</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {processes.map((each) => (
              <Table.Tr key={each.name}>
                <Table.Td ff="monospace" fz="xs" style={{ whiteSpace: "nowrap" }}>
                  {each.name}
                </Table.Td>
                <Table.Td miw={104}>
                  <StatusBadge status={each.state} />
                </Table.Td>
                <Table.Td maw={260}>
                  <Group gap={4}>
                    <Text size="xs">{each.kinds.map(kindName).join(", ") || "–"}</Text>
                  </Group>
                </Table.Td>
                <Table.Td miw={110}>
                  <Slots used={each.slotsUsed} slots={each.slots} label={`Slots of ${each.name}`} />
                </Table.Td>
                <Table.Td>{each.version ?? "–"}</Table.Td>
                <Table.Td>
                  <Time at={each.beatAt} />
                </Table.Td>
                <Table.Td>
                  <Time at={each.startedAt} />
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </>
  );
}
