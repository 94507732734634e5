import { Paper, SimpleGrid, Text } from "@mantine/core";
import type { ReactNode } from "react";

/** Names and values side by side; those without a value are left out. */
export function Facts({ facts }: { facts: [string, ReactNode][] }) {
  const there = facts.filter(([, value]) => value !== null && value !== undefined && value !== "");
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
