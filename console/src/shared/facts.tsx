import { Group, Paper, SimpleGrid, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { Copy } from "~/shared/json";

export type Fact = [string, ReactNode];

/** Names and values side by side; those without a value are left out. */
export function Facts({ facts }: { facts: Fact[] }) {
  const there = facts.filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false);
  return (
    <Paper withBorder p="md">
      <SimpleGrid cols={{ base: 2, sm: 3, lg: 4 }} spacing="md" verticalSpacing="sm" component="dl" m={0}>
        {there.map(([name, value]) => (
          <div key={name} style={{ minWidth: 0 }}>
            <Text component="dt" size="xs" c="dimmed">
              {name}
            </Text>
            <Text component="dd" size="sm" m={0} style={{ overflowWrap: "anywhere" }}>
              {value}
            </Text>
          </div>
        ))}
      </SimpleGrid>
    </Paper>
  );
}

/** An id, a slug or an address, and the button that copies it. */
export function Copied({ value, label }: { value: string; label: string }) {
  return (
    <Group gap={2} wrap="nowrap" component="span">
      <Text size="sm" ff="monospace" truncate title={value} component="span">
        {value}
      </Text>
      <Copy value={value} label={label} />
    </Group>
  );
}
