/** Who did what, newest first: for administrators. Filters stand in the address. */
import { Badge, Group, Select, Stack, Text } from "@mantine/core";
import { IconHistory } from "@tabler/icons-react";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import type { Schemas } from "~/api/types";
import { useRefusal } from "~/app/me";
import { useAddress } from "~/app/navigate";
import { textOf } from "~/app/search";
import { ShowMore } from "~/shared/listing/listing";
import { Empty, Failure, Waiting } from "~/shared/states";
import { Time } from "~/shared/time";
import classes from "./audit.module.css";

type Entry = Schemas["AuditEntryShape"];

const OUTCOMES = ["done", "refused", "failed", "unknown"] as const;
const NOUNS = [
  "action",
  "agent",
  "alert_rule",
  "api_key",
  "artifact",
  "automation",
  "automation_run",
  "connection",
  "flashboard",
  "organisation",
  "run",
  "secret",
  "service_account",
  "session",
  "thread",
  "user",
  "variable",
] as const;
const COLOURS = { done: "gray", refused: "yellow", failed: "red", unknown: "yellow" } as const;

export function AuditLog() {
  const refusal = useRefusal("admin");
  if (refusal) {
    return (
      <Empty icon={IconHistory} title="The audit log is for administrators">
        {refusal}
      </Empty>
    );
  }
  return <Entries />;
}

function Entries() {
  const [search, change] = useAddress();
  const noun = NOUNS.find((each) => each === textOf(search.on));
  const outcome = OUTCOMES.find((each) => each === textOf(search.outcome));
  const list = useInfiniteQuery({
    queryKey: ["audit", noun, outcome],
    queryFn: ({ pageParam, signal }) => {
      const query = {
        limit: 50,
        ...(noun && { target_type: [noun] }),
        ...(outcome && { outcome: [outcome] }),
        ...(pageParam && { cursor: pageParam }),
      };
      return ask(api.GET("/api/v1/audit", { params: { query }, signal }));
    },
    initialPageParam: "",
    getNextPageParam: (last) => last.nextCursor,
    placeholderData: keepPreviousData,
  });
  const entries = list.data?.pages.flatMap((page) => page.entries) ?? [];
  return (
    <Stack>
      <Group gap="xs">
        <Select
          aria-label="What was acted on"
          placeholder="Anything"
          size="xs"
          clearable
          searchable
          clearButtonProps={{ "aria-label": "Anything" }}
          data={NOUNS.map((value) => ({ value, label: value.replaceAll("_", " ") }))}
          value={noun ?? null}
          onChange={(value) => change({ on: value ?? undefined })}
        />
        <Select
          aria-label="Outcome"
          placeholder="Any outcome"
          size="xs"
          clearable
          clearButtonProps={{ "aria-label": "Any outcome" }}
          data={[...OUTCOMES]}
          value={outcome ?? null}
          onChange={(value) => change({ outcome: value ?? undefined })}
        />
      </Group>
      {list.error && <Failure error={list.error} retry={() => void list.refetch()} />}
      {list.isPending && !list.error && <Waiting />}
      {list.data && entries.length === 0 && (
        <Empty icon={IconHistory} title={noun || outcome ? "No entry matches" : "Nothing was changed yet"}>
          Each change of people, keys, settings and definitions is an entry here. Starting a run is not: the list of
          runs says who started it.
        </Empty>
      )}
      {entries.length > 0 && (
        <ul className={classes.list} aria-label="Audit log">
          {entries.map((entry) => (
            <Line key={entry.id} entry={entry} />
          ))}
        </ul>
      )}
      <ShowMore list={list} />
    </Stack>
  );
}

function Line({ entry }: { entry: Entry }) {
  const target = entry.target.name ?? entry.target.id;
  const from = [
    entry.apiKey && `with the key ${entry.apiKey.name ?? entry.apiKey.id}`,
    entry.address && `from ${entry.address}`,
    entry.fields.length > 0 && `fields ${entry.fields.join(", ")}`,
    entry.requestId && `request ${entry.requestId}`,
  ];
  return (
    <li className={classes.entry}>
      <div className={classes.what}>
        <Text size="sm">
          <b>{entry.actor.name ?? entry.actor.id ?? "the operator"}</b> {entry.action}
          {target && ` · ${target}`}
        </Text>
        <Text size="xs" c="dimmed">
          <Time at={entry.occurredAt} /> {from.filter(Boolean).join(" · ")}
        </Text>
      </div>
      <Badge variant="light" color={COLOURS[entry.outcome]} tt="none" c="inherit">
        {entry.status === null ? entry.outcome : `${entry.outcome} ${entry.status}`}
      </Badge>
    </li>
  );
}
