/** Processes that ended without saying so, and how it was noticed. */
import { Table, Text } from "@mantine/core";
import { Time } from "~/shared/time";
import type { Loss } from "./system";

export function Losses({ losses }: { losses: Loss[] }) {
  if (losses.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        None.
      </Text>
    );
  }
  return (
    <Table.ScrollContainer minWidth={560} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
      <Table aria-label="Lost processes" verticalSpacing={6}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Process</Table.Th>
            <Table.Th>Noticed by</Table.Th>
            <Table.Th>Version</Table.Th>
            <Table.Th>Last beat</Table.Th>
            <Table.Th>Taken back</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {losses.map((each) => (
            <Table.Tr key={each.name}>
              <Table.Td ff="monospace" fz="xs" style={{ whiteSpace: "nowrap" }}>
                {each.name}
              </Table.Td>
              <Table.Td>{each.why}</Table.Td>
              <Table.Td>{each.version ?? "–"}</Table.Td>
              <Table.Td>
                <Time at={each.beatAt} />
              </Table.Td>
              <Table.Td>
                <Time at={each.lostAt} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
