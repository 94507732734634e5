/** API keys: one's own; an administrator sees all. A key is shown once. */
import { Badge, Button, Group, Paper, Stack, Switch, Text } from "@mantine/core";
import { IconKey } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "~/api/client";
import type { Schemas, User } from "~/api/types";
import { queries } from "~/app/queries";
import { Confirm } from "~/shared/confirm";
import { ShowMore } from "~/shared/listing/listing";
import { nameOf } from "~/shared/people";
import { Empty, Failure, Waiting } from "~/shared/states";
import { tell, tellRefused } from "~/shared/tell";
import { Time } from "~/shared/time";
import { NewKey } from "./new-key";

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
      <NewKey done={lookAgain} />
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
            {apiKey.scopes && ` · only ${apiKey.scopes.join(", ")}`}
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
