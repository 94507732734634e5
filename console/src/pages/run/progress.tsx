import { Progress as Bar, Group, Paper, SimpleGrid, Text } from "@mantine/core";
import type { Run } from "~/api/types";
import { isLive } from "~/shared/status";
import { duration } from "~/shared/time";

type Cursor = { slices_completed?: number; slices_total?: number; rows?: number; estimated_seconds_left?: number };
type Told = {
  resources_order?: string[];
  completed_resources?: string[];
  failed_resources?: string[];
  in_progress_resource?: string | null;
  resource_cursors?: Record<string, Cursor>;
};

const shareOf = (cursor: Cursor | undefined): number | undefined =>
  cursor?.slices_total ? (cursor.slices_completed ?? 0) / cursor.slices_total : undefined;

/** How far the run is, by the formula of document 000; each resource with a bar. */
export function overall(told: Told): number {
  const all = told.resources_order?.length ?? 0;
  if (!all) return 0;
  const done = (told.completed_resources?.length ?? 0) + (told.failed_resources?.length ?? 0);
  const active = told.in_progress_resource ? shareOf(told.resource_cursors?.[told.in_progress_resource]) : undefined;
  return Math.min(100, ((done + (active ?? 0)) / all) * 100);
}

export function Progress({ run }: { run: Run }) {
  const told = run.progress as Told | null;
  if (!told?.resources_order?.length) return null;
  const live = isLive(run.status);
  const cursor = told.in_progress_resource ? told.resource_cursors?.[told.in_progress_resource] : undefined;
  const percent = overall(told);
  return (
    <Paper withBorder p="sm">
      <Group justify="space-between" mb={6}>
        <Text size="sm" fw={600}>
          {live ? `${Math.floor(percent)} %` : "Resources"}
        </Text>
        <Text size="sm" c="dimmed">
          {live && cursor?.estimated_seconds_left !== undefined
            ? `about ${duration(cursor.estimated_seconds_left)} left for ${told.in_progress_resource}`
            : `${told.completed_resources?.length ?? 0} of ${told.resources_order.length} done`}
        </Text>
      </Group>
      {live && <Bar value={percent} size="lg" mb="sm" aria-label="Progress of the run" />}
      <SimpleGrid
        cols={{ base: 1, sm: 2, lg: 3 }}
        spacing="sm"
        verticalSpacing={6}
        mah={260}
        style={{ overflow: "auto" }}
      >
        {told.resources_order.map((name) => (
          <Resource key={name} name={name} told={told} live={live} />
        ))}
      </SimpleGrid>
    </Paper>
  );
}

function Resource({ name, told, live }: { name: string; told: Told; live: boolean }) {
  const cursor = told.resource_cursors?.[name];
  const failed = told.failed_resources?.includes(name);
  const done = told.completed_resources?.includes(name);
  const works = told.in_progress_resource === name && live;
  const share = done || failed ? 1 : shareOf(cursor);
  const word = failed ? "failed" : done ? "done" : works ? "working" : "waits";
  const slices = cursor?.slices_total ? ` · ${cursor.slices_completed ?? 0}/${cursor.slices_total} slices` : "";
  return (
    <div>
      <Group justify="space-between" gap={6} wrap="nowrap">
        <Text size="xs" truncate title={name}>
          {name}
        </Text>
        <Text size="xs" c="dimmed" style={{ flex: "none" }}>
          {word}
          {slices}
        </Text>
      </Group>
      <Bar
        value={works && share === undefined ? 100 : (share ?? 0) * 100}
        size="sm"
        striped={works}
        animated={works}
        color={failed ? "red" : done ? "teal" : "vai"}
        aria-label={`Progress of ${name}`}
      />
    </div>
  );
}
