import { Button, Group, Stack, Tabs, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "~/api/client";
import type { Schemas } from "~/api/types";
import { useRefusal } from "~/app/me";
import { useAddress, useGo, usePart } from "~/app/navigate";
import { textOf } from "~/app/search";
import { providerOf } from "~/shared/catalogue/connection-schemas";
import { ConnectionStatus } from "~/shared/catalogue/connection-status";
import { useActions, useSources } from "~/shared/catalogue/queries";
import { Facts } from "~/shared/facts";
import { Page } from "~/shared/page";
import { gone, Remove } from "~/shared/remove";
import { Failure, Waiting } from "~/shared/states";
import { Time } from "~/shared/time";
import { Edit } from "./edit";
import { Test } from "./test";
import { UsedBy } from "./used-by";

export type Connection = Schemas["ConnectionShape"];

export default function ConnectionPage() {
  const id = usePart("id");
  const found = useQuery({
    queryKey: ["connection", id],
    queryFn: ({ signal }) =>
      ask(api.GET("/api/v1/connections/{connection_id}", { params: { path: { connection_id: id } }, signal })),
  });
  if (found.error && !found.data) return <Failure error={found.error} retry={() => void found.refetch()} />;
  if (!found.data) return <Waiting />;
  return <Shown key={id} connection={found.data} />;
}

function Shown({ connection }: { connection: Connection }) {
  const [search, change] = useAddress();
  const [asked, setAsked] = useState(false);
  const refusal = useRefusal("admin");
  const sources = useSources();
  const tab = textOf(search.tab) ?? "overview";
  return (
    <Page
      title={connection.name}
      actions={
        <Button
          size="xs"
          variant="default"
          color="red"
          disabled={refusal !== undefined}
          title={refusal}
          onClick={() => setAsked(true)}
        >
          Delete
        </Button>
      }
    >
      <Group gap="xs">
        <ConnectionStatus status={connection.status} />
        <Text size="sm" c="dimmed">
          {connection.provider}
        </Text>
      </Group>
      <Tabs value={tab} onChange={(value) => change({ tab: value === "overview" ? undefined : (value ?? undefined) })}>
        <Tabs.List>
          <Tabs.Tab value="overview">Overview</Tabs.Tab>
          <Tabs.Tab value="edit">Edit</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="overview" pt="md">
          <Stack gap="md">
            <Facts
              facts={[
                ["Slug", connection.slug],
                ["Credentials", connection.hasCredentials ? "set, never shown" : "none"],
                ["Default for its provider", connection.isDefault ? "yes" : "no"],
                ["Runs at once", connection.maxRunning],
                ["Changed", <Time key="changed" at={connection.updatedAt} />],
                ["Made", <Time key="made" at={connection.createdAt} as="day" />],
                ...Object.entries(connection.config).map(([name, value]): [string, string] => [
                  name,
                  typeof value === "string" ? value : JSON.stringify(value),
                ]),
              ]}
            />
            <Test connection={connection} />
            <UsedBy id={connection.id} slug={connection.slug} />
          </Stack>
        </Tabs.Panel>
        <Tabs.Panel value="edit" pt="md" keepMounted>
          {sources.data ? (
            <Edit connection={connection} provider={providerOf(connection.provider, sources.data.sources)} />
          ) : (
            <Waiting />
          )}
        </Tabs.Panel>
      </Tabs>
      {asked && <Delete connection={connection} close={() => setAsked(false)} />}
    </Page>
  );
}

function Delete({ connection, close }: { connection: Connection; close: () => void }) {
  const go = useGo();
  const actions = useActions();
  const users = (actions.data ?? []).filter((each) => each.connectionId === connection.id);
  return (
    <Remove
      title={`Delete ${connection.name}?`}
      close={close}
      send={() =>
        ask(api.DELETE("/api/v1/connections/{connection_id}", { params: { path: { connection_id: connection.id } } }))
      }
      done={() => {
        gone("connections");
        go("/connections");
      }}
    >
      <Text size="sm">Its credentials are erased. Runs that use it fail from then on; what they brought stays.</Text>
      <Text size="sm">
        {users.length === 0
          ? "No action uses it."
          : `These actions use it: ${users.map((each) => each.name).join(", ")}`}
      </Text>
    </Remove>
  );
}
