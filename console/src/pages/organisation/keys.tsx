/** API keys: one's own; an administrator sees all. A key is shown once. */
import { Alert, Badge, Button, Group, NativeSelect, Paper, Stack, Switch, Text, TextInput } from "@mantine/core";
import { IconKey } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, ask } from "~/api/client";
import { messageOf } from "~/api/problem";
import type { Schemas, User } from "~/api/types";
import { meQuery } from "~/app/me";
import { queries } from "~/app/queries";
import { Confirm } from "~/shared/confirm";
import { ShowMore } from "~/shared/listing/listing";
import { nameOf } from "~/shared/people";
import { Secret } from "~/shared/secret";
import { Empty, Failure, Waiting } from "~/shared/states";
import { tell, tellRefused } from "~/shared/tell";
import { Time } from "~/shared/time";
import { ROLES, type Role } from "./people";

type Key = Schemas["ApiKeyShape"];

const lookAgain = (): Promise<unknown> => queries.invalidateQueries({ queryKey: ["keys"] });

export function Keys() {
  const [all, setAll] = useState(false);
  const found = useInfiniteQuery({
    queryKey: ["keys", all],
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: 100, offset: pageParam, ...(all ? {} : { status: ["active" as const] }) };
      return ask(api.GET("/api/v1/api-keys", { params: { query }, signal }));
    },
    initialPageParam: 0,
    getNextPageParam: (last) => (last.hasNext ? last.offset + last.limit : undefined),
  });
  const keys = found.data?.pages.flatMap((page) => page.apiKeys) ?? [];
  const users: Record<string, User> = Object.assign({}, ...(found.data?.pages.map((page) => page.users) ?? []));
  return (
    <Stack>
      <NewKey />
      <Switch
        label="Also keys that have ended or were revoked"
        checked={all}
        onChange={(event) => setAll(event.currentTarget.checked)}
      />
      {found.error && <Failure error={found.error} retry={() => void found.refetch()} />}
      {found.isPending && <Waiting />}
      {found.data && keys.length === 0 && (
        <Empty icon={IconKey} title="No key">
          Programs and the command line sign in with a key. Make one above.
        </Empty>
      )}
      <Stack gap="xs" component="section" aria-label="API keys">
        {keys.map((key) => (
          <Row key={key.id} apiKey={key} owner={users[key.userId]} />
        ))}
      </Stack>
      <ShowMore list={found} />
    </Stack>
  );
}

const DAYS = [
  { value: "90", label: "ends in 90 days" },
  { value: "30", label: "ends in 30 days" },
  { value: "365", label: "ends in a year" },
  { value: "", label: "no end of its own" },
];
const RANK: Role[] = ["viewer", "operator", "admin"];

function NewKey() {
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [days, setDays] = useState("90");
  const { data: me } = useQuery(meQuery);
  const may = ROLES.filter((each) => !me || RANK.indexOf(each.value) <= RANK.indexOf(me.role));
  const make = useMutation({
    mutationFn: () => {
      const expiresAt = days ? new Date(Date.now() + Number(days) * 86_400_000).toISOString() : null;
      return ask(api.POST("/api/v1/api-keys", { body: { name, role, expiresAt } }));
    },
    onSuccess: () => {
      setName("");
      void lookAgain();
    },
  });
  const send = (event: FormEvent): void => {
    event.preventDefault();
    make.mutate();
  };
  return (
    <Stack gap="sm">
      {make.data && (
        <Secret title={`The key ${make.data.name} is made`} label="the key" value={make.data.key} close={make.reset}>
          Copy it now: it is stored nowhere and is not shown again.
        </Secret>
      )}
      <Paper withBorder p="md" component="form" onSubmit={send} aria-label="Make a key">
        {make.error && <Alert color="red" role="alert" title={messageOf(make.error)} mb="sm" />}
        <Group align="flex-end" gap="sm">
          <TextInput
            label="Name of the key"
            placeholder="what it is for"
            required
            maxLength={255}
            style={{ flex: "1 1 220px" }}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <NativeSelect
            label="Role"
            data={may}
            value={role}
            onChange={(event) => setRole(event.currentTarget.value as Role)}
          />
          <NativeSelect
            label="How long"
            data={DAYS}
            value={days}
            onChange={(event) => setDays(event.currentTarget.value)}
          />
          <Button type="submit" loading={make.isPending} disabled={!name.trim()}>
            Make a key
          </Button>
        </Group>
      </Paper>
    </Stack>
  );
}

function Row({ apiKey, owner }: { apiKey: Key; owner: User | undefined }) {
  const [asks, setAsks] = useState(false);
  const revoke = useMutation({
    mutationFn: () => ask(api.DELETE("/api/v1/api-keys/{key_id}", { params: { path: { key_id: apiKey.id } } })),
    onSuccess: () => tell(`The key ${apiKey.name} is revoked.`),
    onError: tellRefused,
    onSettled: () => {
      setAsks(false);
      return lookAgain();
    },
  });
  return (
    <Paper withBorder px="md" py="xs" component="article" aria-label={apiKey.name}>
      <Group justify="space-between" gap="sm">
        <div style={{ minWidth: 0, flex: "1 1 220px" }}>
          <Group gap="xs">
            <Text fw={600} size="sm" style={{ overflowWrap: "anywhere" }}>
              {apiKey.name}
            </Text>
            <Badge variant="outline" color="gray" tt="none" c="inherit" size="sm">
              {apiKey.status === "active" ? apiKey.role : apiKey.status}
            </Badge>
          </Group>
          <Text size="xs" c="dimmed" component="div" style={{ overflowWrap: "anywhere" }}>
            {apiKey.prefix}… · for {nameOf(owner)} · {apiKey.lastUsedAt ? "used " : "not used yet"}
            {apiKey.lastUsedAt && <Time at={apiKey.lastUsedAt} />}
            {" · "}
            {apiKey.expiresAt ? "ends " : "never ends"}
            {apiKey.expiresAt && <Time at={apiKey.expiresAt} as="day" />}
          </Text>
        </div>
        {apiKey.status === "active" && (
          <Button size="xs" variant="default" aria-label={`Revoke ${apiKey.name}`} onClick={() => setAsks(true)}>
            Revoke
          </Button>
        )}
      </Group>
      {asks && (
        <Confirm
          title={`Revoke ${apiKey.name}?`}
          word="Revoke"
          busy={revoke.isPending}
          close={() => setAsks(false)}
          go={() => revoke.mutate()}
        >
          Whoever uses it is refused at once. It cannot be taken back.
        </Confirm>
      )}
    </Paper>
  );
}
