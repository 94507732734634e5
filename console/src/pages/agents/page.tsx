import { Group, Paper, Stack, Text } from "@mantine/core";
import { IconPlus, IconRobot } from "@tabler/icons-react";
import { api, ask } from "~/api/client";
import type { Agent } from "~/api/types";
import { useRefusal } from "~/app/me";
import { useAddress } from "~/app/navigate";
import { textOf } from "~/app/search";
import { LinkButton, PageLink } from "~/shared/link";
import { ShowMore, usePages } from "~/shared/listing/listing";
import { SearchField } from "~/shared/listing/search-field";
import { counted } from "~/shared/numbers";
import { Page } from "~/shared/page";
import { Empty, Failure, Waiting } from "~/shared/states";
import { Time } from "~/shared/time";

export default function AgentsPage() {
  const [search, change] = useAddress();
  const q = textOf(search.q) ?? "";
  const refusal = useRefusal("operator");
  const { list: found, pages } = usePages(["agents", q], (page, signal) =>
    ask(api.GET("/api/v1/agents", { params: { query: { q, ...page } }, signal })),
  );
  const agents = pages.flatMap((page) => page.agents);
  const create = (
    <LinkButton to="/agents/new" leftSection={<IconPlus size={16} aria-hidden />} disabled={!!refusal} title={refusal}>
      New agent
    </LinkButton>
  );
  return (
    <Page title="Agents" actions={create}>
      {(agents.length > 0 || q) && (
        <SearchField label="Search agents" value={q} change={(text) => change({ q: text || undefined })} />
      )}
      {found.error && <Failure error={found.error} retry={() => void found.refetch()} />}
      {found.isPending && <Waiting />}
      {found.data && agents.length === 0 && (
        <Empty icon={IconRobot} title={q ? "No agent is called like this" : "No agent yet"}>
          {q
            ? "Try another word."
            : "An agent is a model with instructions and tools. Make one with “New agent”, then talk with it."}
        </Empty>
      )}
      <Stack gap="xs" component="section" aria-label="Agents">
        {agents.map((agent) => (
          <Row key={agent.id} agent={agent} />
        ))}
      </Stack>
      <ShowMore list={found} />
    </Page>
  );
}

function Row({ agent }: { agent: Agent }) {
  const has = [
    agent.model ?? "default model",
    agent.tools.length > 0 ? counted(agent.tools.length, "tool") : null,
    agent.datasets.length > 0 ? counted(agent.datasets.length, "dataset") : null,
  ].filter(Boolean);
  return (
    <Paper withBorder px="md" py="xs">
      <Group justify="space-between" wrap="nowrap" gap="md">
        <div style={{ minWidth: 0 }}>
          <PageLink to={`/agents/${agent.id}`} fw={600} truncate display="block">
            {agent.name}
          </PageLink>
          <Text size="xs" c="dimmed" truncate>
            {has.join(" · ")}
          </Text>
          {agent.description && (
            <Text size="sm" lineClamp={2} style={{ overflowWrap: "anywhere" }}>
              {agent.description}
            </Text>
          )}
        </div>
        <Group gap="sm" wrap="nowrap" style={{ flex: "none" }}>
          <Text size="xs" c="dimmed" visibleFrom="sm">
            <Time at={agent.updatedAt} />
          </Text>
          <LinkButton
            to="/chat"
            search={{ agent: agent.slug }}
            size="xs"
            variant="default"
            aria-label={`Chat with ${agent.name}`}
          >
            Chat
          </LinkButton>
        </Group>
      </Group>
    </Paper>
  );
}
