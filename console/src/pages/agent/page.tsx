import { Badge, Button, Group, Paper, SimpleGrid, Stack, Tabs, Text, Title } from "@mantine/core";
import { IconMessages } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "~/api/client";
import { Problem } from "~/api/problem";
import type { Agent } from "~/api/types";
import { useRefusal } from "~/app/me";
import { useAddress, useGo, usePart } from "~/app/navigate";
import { queries } from "~/app/queries";
import { textOf } from "~/app/search";
import { Confirm } from "~/shared/confirm";
import { Json } from "~/shared/json";
import { LinkButton, PageLink } from "~/shared/link";
import { Markdown } from "~/shared/markdown/markdown";
import { Page } from "~/shared/page";
import { Failure, Waiting } from "~/shared/states";
import { tell, tellRefused } from "~/shared/tell";
import { Time } from "~/shared/time";
import { Editor } from "./editor";
import { AgentRuns } from "./runs";

type Tagged = { agent: Agent; tag: string };

export default function AgentPage() {
  const id = usePart("id");
  const found = useQuery({
    queryKey: ["agent", id],
    queryFn: async ({ signal }): Promise<Tagged> => {
      const answer = await api.GET("/api/v1/agents/{agent_id}", { params: { path: { agent_id: id } }, signal });
      if (!answer.data) throw Problem.of(answer.response, answer.error);
      return { agent: answer.data, tag: answer.response.headers.get("etag") ?? "" };
    },
    refetchOnWindowFocus: false,
  });
  if (found.error && !found.data) return <Failure error={found.error} retry={() => void found.refetch()} />;
  if (!found.data) return <Waiting />;
  return <Shown key={id} {...found.data} />;
}

function Shown({ agent, tag }: Tagged) {
  const [search, change] = useAddress();
  const [asks, setAsks] = useState(false);
  const refusal = useRefusal("operator");
  const tab = textOf(search.tab) ?? "about";
  const actions = (
    <>
      <LinkButton
        to="/chat"
        search={{ agent: agent.slug }}
        size="xs"
        leftSection={<IconMessages size={15} aria-hidden />}
      >
        Chat
      </LinkButton>
      <Button size="xs" variant="default" disabled={!!refusal} title={refusal} onClick={() => setAsks(true)}>
        Delete
      </Button>
    </>
  );
  return (
    <Page title={agent.name} actions={actions}>
      <Text size="sm" c="dimmed">
        <PageLink to="/agents" underline="always">
          Agents
        </PageLink>{" "}
        · {agent.slug}
        {agent.description && ` · ${agent.description}`}
      </Text>
      <Tabs
        value={tab}
        onChange={(value) => change({ tab: value === "about" ? undefined : (value ?? undefined) })}
        keepMounted={false}
      >
        <Tabs.List mb="md">
          <Tabs.Tab value="about">About</Tabs.Tab>
          <Tabs.Tab value="runs">Runs</Tabs.Tab>
          <Tabs.Tab value="edit">Edit</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="about">
          <About agent={agent} />
        </Tabs.Panel>
        <Tabs.Panel value="runs">
          <AgentRuns slug={agent.slug} />
        </Tabs.Panel>
        <Tabs.Panel value="edit">
          <Editor
            agent={agent}
            tag={tag}
            done={() => change({ tab: undefined })}
            close={() => change({ tab: undefined })}
          />
        </Tabs.Panel>
      </Tabs>
      {asks && <Delete agent={agent} close={() => setAsks(false)} />}
    </Page>
  );
}

function About({ agent }: { agent: Agent }) {
  const facts: [string, React.ReactNode][] = [
    ["Model", agent.model ?? "the organisation's default"],
    ["Datasets", agent.datasets.join(", ") || "reads none"],
    ["Allowed domains", agent.allowedDomains.join(", ") || "none"],
    ["Changed", <Time key="changed" at={agent.updatedAt} as="day" />],
  ];
  return (
    <Stack>
      <Paper withBorder p="sm">
        <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }}>
          {facts.map(([what, value]) => (
            <div key={what}>
              <Text size="xs" c="dimmed">
                {what}
              </Text>
              <Text size="sm" component="div" style={{ overflowWrap: "anywhere" }}>
                {value}
              </Text>
            </div>
          ))}
        </SimpleGrid>
      </Paper>
      <Paper withBorder p="md">
        <Title order={2} mb="xs">
          Instructions
        </Title>
        <Markdown text={agent.instructions} />
      </Paper>
      <Paper withBorder p="md">
        <Title order={2} mb="xs">
          Tools
        </Title>
        {agent.tools.length === 0 && (
          <Text size="sm" c="dimmed">
            It has none of its own{agent.datasets.length > 0 ? "; it queries its datasets" : ""}.
          </Text>
        )}
        <Stack gap="xs">
          {agent.tools.map((tool) => (
            <details key={JSON.stringify(tool)}>
              <summary>
                <Text span size="sm" fw={600}>
                  {String(tool.name ?? tool.action ?? tool.automation ?? tool.agent ?? tool.kind ?? "tool")}
                </Text>{" "}
                {tool.approval === true && (
                  <Badge variant="outline" color="gray" tt="none" c="inherit">
                    needs approval
                  </Badge>
                )}
              </summary>
              <Json value={tool} label="the tool" />
            </details>
          ))}
        </Stack>
      </Paper>
      <Paper withBorder p="md">
        <Title order={2} mb="xs">
          Limits of a run
        </Title>
        <Group gap="lg">
          {Object.entries(agent.limits).map(([name, value]) => (
            <div key={name}>
              <Text size="xs" c="dimmed">
                {name}
              </Text>
              <Text size="sm">{value === null ? "none" : String(value)}</Text>
            </div>
          ))}
        </Group>
      </Paper>
      {agent.outputSchema && (
        <Paper withBorder p="md">
          <Title order={2} mb="xs">
            What an answer must fit
          </Title>
          <Json value={agent.outputSchema} label="the schema" />
        </Paper>
      )}
    </Stack>
  );
}

function Delete({ agent, close }: { agent: Agent; close: () => void }) {
  const go = useGo();
  const remove = useMutation({
    mutationFn: () => ask(api.DELETE("/api/v1/agents/{agent_id}", { params: { path: { agent_id: agent.id } } })),
    onSuccess: () => {
      tell("Deleted.");
      go("/agents");
      void queries.invalidateQueries({ queryKey: ["agents"] });
    },
    onError: tellRefused,
  });
  return (
    <Confirm
      title={`Delete ${agent.name}?`}
      word="Delete"
      busy={remove.isPending}
      close={close}
      go={() => remove.mutate()}
    >
      Runs that work with it go on. Actions, automations and chats that name it find it no longer.
    </Confirm>
  );
}
