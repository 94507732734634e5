import { Group, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import { useActions } from "~/shared/catalogue/queries";
import { PageLink } from "~/shared/link";
import { kindName } from "~/shared/runs";

/** Actions that use the connection, and the tables that came by it. */
export function UsedBy({ id, slug }: { id: string; slug: string }) {
  const actions = useActions();
  const datasets = useQuery({
    queryKey: ["datasets", "of-connection", id],
    queryFn: ({ signal }) =>
      ask(api.GET("/api/v1/datasets", { params: { query: { connection: slug, limit: 50 } }, signal })),
  });
  const users = (actions.data ?? []).filter((each) => each.connectionId === id);
  const tables = datasets.data?.datasets ?? [];
  return (
    <Stack gap="xs">
      <Group justify="space-between">
        <Title order={2}>What uses it</Title>
        <PageLink to="/runs" search={{ connection_id: id }} size="sm">
          Its runs
        </PageLink>
      </Group>
      {actions.data && users.length === 0 && (
        <Text size="sm" c="dimmed">
          No action uses it yet.
        </Text>
      )}
      {users.map((each) => (
        <Group key={each.id} gap="xs">
          <PageLink to={`/actions/${each.id}`}>{each.name}</PageLink>
          <Text size="xs" c="dimmed">
            {kindName(each.kind)}
          </Text>
        </Group>
      ))}
      {tables.length > 0 && <Title order={2}>Tables that came by it</Title>}
      <Group gap="md">
        {tables.map((each) => (
          <PageLink key={each.id} to={`/datasets/${each.id}`}>
            {each.name}
          </PageLink>
        ))}
      </Group>
    </Stack>
  );
}
