import { Badge, Button, Code, Group, Modal, Paper, Select, Stack, Text } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "~/api/client";
import type { Schemas } from "~/api/types";
import { useRefusal } from "~/app/me";
import type { OneAutomation } from "~/shared/automations";
import { Failure, Waiting } from "~/shared/states";
import { Time } from "~/shared/time";
import { useChange } from "./use-change";
import classes from "./versions.module.css";

type Version = Schemas["AutomationVersionShape"];

/** What an automation said before, newest first; what has changed between two; and back to one. */
export function Versions({ automation, tag }: { automation: OneAutomation; tag: string }) {
  const [compared, setCompared] = useState<string>();
  const [restored, setRestored] = useState<Version>();
  const refusal = useRefusal("operator");
  const list = useVersions(automation.id);
  if (list.error && !list.data) return <Failure error={list.error} retry={() => void list.refetch()} />;
  if (!list.data) return <Waiting />;
  const pages = list.data.pages;
  const versions = pages.flatMap((page) => page.versions);
  const users = Object.assign({}, ...pages.map((page) => page.users)) as (typeof pages)[0]["users"];
  return (
    <Stack gap="xs">
      {versions.map((version) => {
        const person = version.createdBy ? users[version.createdBy] : undefined;
        const open = compared === version.id;
        return (
          <Paper
            key={version.id}
            withBorder
            px="sm"
            py={8}
            component="article"
            aria-label={`Version ${version.number}`}
          >
            <Group gap="sm">
              <Text size="sm" fw={600}>
                Version {version.number}
              </Text>
              {version.isCurrent && (
                <Badge variant="light" tt="none" radius="sm">
                  now
                </Badge>
              )}
              <Text size="xs" c="dimmed">
                <Time at={version.createdAt} as="day" />
                {person && ` · ${[person.firstName, person.lastName].filter(Boolean).join(" ")}`} · {version.stepCount}{" "}
                {version.stepCount === 1 ? "step" : "steps"}
              </Text>
              <Group gap="xs" ml="auto">
                <Button
                  size="compact-xs"
                  variant="subtle"
                  aria-expanded={open}
                  onClick={() => setCompared(open ? undefined : version.id)}
                >
                  {open ? "Hide what changed" : "What changed"}
                </Button>
                <Button
                  size="compact-xs"
                  variant="default"
                  disabled={version.isCurrent || refusal !== undefined}
                  title={version.isCurrent ? "It is what the automation says now." : refusal}
                  onClick={() => setRestored(version)}
                  aria-label={`Restore version ${version.number}`}
                >
                  Restore
                </Button>
              </Group>
            </Group>
            {open && <Difference id={automation.id} version={version} versions={versions} />}
          </Paper>
        );
      })}
      {list.hasNextPage && (
        <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          Show more
        </Button>
      )}
      {restored && <Restore id={automation.id} tag={tag} version={restored} close={() => setRestored(undefined)} />}
    </Stack>
  );
}

function useVersions(id: string) {
  return useInfiniteQuery({
    queryKey: ["automation-versions", id],
    queryFn: ({ pageParam, signal }) =>
      ask(
        api.GET("/api/v1/automations/{automation_id}/versions", {
          params: { path: { automation_id: id }, query: { limit: 50, offset: pageParam } },
          signal,
        }),
      ),
    initialPageParam: 0,
    getNextPageParam: (last) => (last.hasNext ? last.offset + last.limit : undefined),
  });
}

function Restore({ id, tag, version, close }: { id: string; tag: string; version: Version; close: () => void }) {
  const restore = useChange(
    () =>
      ask(
        api.POST("/api/v1/automations/{automation_id}/versions/{version_id}/restore", {
          params: { path: { automation_id: id, version_id: version.id }, header: { "If-Match": tag } },
        }),
      ),
    `The automation says again what version ${version.number} says.`,
    close,
  );
  return (
    <Modal opened onClose={close} title={`Restore version ${version.number}?`}>
      <Stack>
        <Text size="sm">
          The automation gets a new version that says what this one says, with its secrets. Its name, trigger and labels
          stay as they are. Runs that go on keep the version that they began with.
        </Text>
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button loading={restore.isPending} onClick={() => restore.mutate(undefined)} data-autofocus>
            Restore
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

/** What is different between a version and another, which is the one before it unless somebody chooses. */
function Difference({ id, version, versions }: { id: string; version: Version; versions: Version[] }) {
  const [base, setBase] = useState<string | null>(null);
  const found = useQuery({
    queryKey: ["automation-versions", "difference", id, version.id, base],
    queryFn: ({ signal }) =>
      ask(
        api.GET("/api/v1/automations/{automation_id}/versions/{version_id}/difference", {
          params: { path: { automation_id: id, version_id: version.id }, query: { base } },
          signal,
        }),
      ),
  });
  const others = versions.filter((each) => each.id !== version.id);
  return (
    <Stack gap="xs" mt="xs">
      {others.length > 0 && (
        <Select
          size="xs"
          w={240}
          label="Compared with"
          placeholder="the version before it"
          clearable
          clearButtonProps={{ "aria-label": "The version before it" }}
          data={others.map((each) => ({ value: each.id, label: `Version ${each.number}` }))}
          value={base}
          onChange={setBase}
        />
      )}
      {found.error && <Failure error={found.error} retry={() => void found.refetch()} />}
      {found.isPending && <Waiting />}
      {found.data?.changes.length === 0 && <Text size="sm">They say the same.</Text>}
      {found.data?.changes.map((change) => (
        <Changed key={change.place.join(".")} change={change} />
      ))}
      {found.data?.truncated && (
        <Text size="xs" c="dimmed">
          There are more changes than these {found.data.changes.length.toLocaleString()}.
        </Text>
      )}
    </Stack>
  );
}

function Changed({ change }: { change: Schemas["ChangeShape"] }) {
  return (
    <div>
      <Text size="sm" style={{ overflowWrap: "anywhere" }}>
        <Code>{change.place.join(".")}</Code> {change.change}
      </Text>
      {change.change !== "added" && <Said sign="−" value={change.before} tone="before" />}
      {change.change !== "removed" && <Said sign="+" value={change.after} tone="after" />}
    </div>
  );
}

function Said({ sign, value, tone }: { sign: string; value: unknown; tone: "before" | "after" }) {
  const text = typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "");
  return (
    <pre className={classes.said} data-tone={tone}>
      {text
        .slice(0, 4_000)
        .split("\n")
        .map((line) => `${sign} ${line}`)
        .join("\n")}
      {text.length > 4_000 ? "\n…" : ""}
    </pre>
  );
}
