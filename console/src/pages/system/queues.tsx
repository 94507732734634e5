/** Each kind: who serves it, and what waits. What works is above what rests. */
import { Progress, Table, Text } from "@mantine/core";
import { PageLink } from "~/shared/link";
import { countedUpTo } from "~/shared/numbers";
import { kindName } from "~/shared/runs";
import { duration } from "~/shared/time";
import type { System } from "./system";

const busy = (queue: System["queues"][number]): number => queue.queued + queue.leased;

export function Queues({ system }: { system: System }) {
  const rows = [...system.queues].sort((one, other) => busy(other) - busy(one));
  return (
    <Table.ScrollContainer minWidth={560} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
      <Table aria-label="Queues" verticalSpacing={6}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Kind</Table.Th>
            <Table.Th ta="right">Queued</Table.Th>
            <Table.Th ta="right">Oldest</Table.Th>
            <Table.Th ta="right">Running</Table.Th>
            <Table.Th ta="right">Workers</Table.Th>
            <Table.Th>Slots used</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((queue) => (
            <Table.Tr key={queue.kind}>
              <Table.Td>
                <PageLink to="/runs" search={{ kind: queue.kind, status: ["pending", "running"] }} size="sm">
                  {kindName(queue.kind)}
                </PageLink>
              </Table.Td>
              <Table.Td ta="right">{countedUpTo(queue.queued, system.countedUpTo)}</Table.Td>
              <Table.Td ta="right">{queue.oldestSeconds === null ? "–" : duration(queue.oldestSeconds)}</Table.Td>
              <Table.Td ta="right">{queue.leased.toLocaleString()}</Table.Td>
              <Table.Td ta="right">
                {queue.workers || (
                  <Text span inherit fw={600}>
                    none
                  </Text>
                )}
              </Table.Td>
              <Table.Td miw={130}>
                <Slots used={queue.slotsUsed} slots={queue.slots} label={`Slots of ${kindName(queue.kind)}`} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

/** `3 of 8`, and the same as a bar. */
export function Slots({ used, slots, label }: { used: number; slots: number; label: string }) {
  if (slots === 0) return <>–</>;
  const share = Math.min(100, (100 * used) / slots);
  return (
    <>
      <Text size="xs">
        {used} of {slots}
      </Text>
      <Progress value={share} size="sm" color={share >= 100 ? "orange" : "blue"} aria-label={label} />
    </>
  );
}
