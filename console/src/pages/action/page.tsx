import { Badge, Button, Group, Stack, Tabs, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "~/api/client";
import { Problem } from "~/api/problem";
import { useRefusal } from "~/app/me";
import { useAddress, useGo, usePart } from "~/app/navigate";
import { textOf } from "~/app/search";
import { Facts } from "~/shared/facts";
import { Json } from "~/shared/json";
import { PageLink } from "~/shared/link";
import { Labels } from "~/shared/listing/labels";
import { Page } from "~/shared/page";
import { gone, Remove } from "~/shared/remove";
import { kindName, useNames } from "~/shared/runs";
import { Failure, Waiting } from "~/shared/states";
import { Time } from "~/shared/time";
import { type Action, Edit } from "./edit";
import { LastRuns } from "./last-runs";
import { RunNow } from "./run-now";
import { UsedBy, usersOf } from "./used-by";

export default function ActionPage() {
  const id = usePart("id");
  const found = useQuery({
    queryKey: ["action", id],
    queryFn: ({ signal }) => get(id, signal),
  });
  if (found.error && !found.data) return <Failure error={found.error} retry={() => void found.refetch()} />;
  if (!found.data) return <Waiting />;
  return <Shown key={id} action={found.data} />;
}

/** With the tag by which a change says what it was made from: two people don't overwrite each other. */
async function get(id: string, signal: AbortSignal): Promise<Action> {
  const request = api.GET("/api/v1/actions/{action_id}", { params: { path: { action_id: id } }, signal });
  const action = await ask(request);
  return { ...action, etag: (await request).response.headers.get("etag") };
}

function Shown({ action }: { action: Action }) {
  const [search, change] = useAddress();
  const [asked, setAsked] = useState<"run" | "delete">();
  const refusal = useRefusal("operator");
  const tab = textOf(search.tab) ?? "overview";
  return (
    <Page
      title={action.name}
      actions={
        <>
          <Button
            size="xs"
            disabled={refusal !== undefined || action.status === "disabled"}
            title={refusal ?? (action.status === "disabled" ? "The action is disabled." : undefined)}
            onClick={() => setAsked("run")}
          >
            Run now
          </Button>
          <Button
            size="xs"
            variant="default"
            color="red"
            disabled={refusal !== undefined}
            title={refusal}
            onClick={() => setAsked("delete")}
          >
            Delete
          </Button>
        </>
      }
    >
      <Group gap="xs">
        <Badge variant="light" tt="none">
          {kindName(action.kind)}
        </Badge>
        {action.status === "disabled" && (
          <Badge color="gray" variant="outline" tt="none">
            disabled
          </Badge>
        )}
        {action.expose && (
          <Badge color="gray" variant="light" tt="none">
            a tool over MCP
          </Badge>
        )}
        <Labels labels={action.labels} />
      </Group>
      <Tabs value={tab} onChange={(value) => change({ tab: value === "overview" ? undefined : (value ?? undefined) })}>
        <Tabs.List>
          <Tabs.Tab value="overview">Overview</Tabs.Tab>
          <Tabs.Tab value="edit">Edit</Tabs.Tab>
          <Tabs.Tab value="json">JSON</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="overview" pt="md">
          <Overview action={action} />
        </Tabs.Panel>
        <Tabs.Panel value="edit" pt="md" keepMounted>
          <Edit action={action} />
        </Tabs.Panel>
        <Tabs.Panel value="json" pt="md">
          {tab === "json" && <Json value={{ ...action, etag: undefined }} label="the action" />}
        </Tabs.Panel>
      </Tabs>
      {asked === "run" && <RunNow action={action} close={() => setAsked(undefined)} />}
      {asked === "delete" && <Delete action={action} close={() => setAsked(undefined)} />}
    </Page>
  );
}

function Overview({ action }: { action: Action }) {
  const { connections } = useNames();
  const connection = action.connectionId;
  return (
    <Stack gap="md">
      <Facts
        facts={[
          ["Slug", action.slug],
          [
            "Connection",
            connection && (
              <PageLink key="connection" to={`/connections/${connection}`}>
                {connections.get(connection) ?? connection}
              </PageLink>
            ),
          ],
          ["Changed", <Time key="changed" at={action.updatedAt} />],
          ["Made", <Time key="made" at={action.createdAt} as="day" />],
        ]}
      />
      <LastRuns id={action.id} />
      <UsedBy action={action} />
      <Json value={action.definition} label="the definition" />
    </Stack>
  );
}

function Delete({ action, close }: { action: Action; close: () => void }) {
  const go = useGo();
  const users = useQuery({ queryKey: ["used-by", action.id], queryFn: ({ signal }) => usersOf(action, signal) });
  return (
    <Remove
      title={`Delete ${action.name}?`}
      close={close}
      send={() => ask(api.DELETE("/api/v1/actions/{action_id}", { params: { path: { action_id: action.id } } }))}
      done={() => {
        gone("actions");
        go("/actions");
      }}
    >
      <Text size="sm">Its runs stay, and can be read. It cannot be run any more.</Text>
      {users.error instanceof Problem && <Failure error={users.error} />}
      {users.data && users.data.length > 0 && (
        <Text size="sm">
          These automations name it, and their runs will fail: {users.data.map((each) => each.name).join(", ")}
        </Text>
      )}
      {users.data?.length === 0 && <Text size="sm">No automation names it.</Text>}
    </Remove>
  );
}
