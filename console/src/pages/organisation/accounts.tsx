/** Service accounts: members that are programs, with a role and keys of their own. */
import { ActionIcon, Alert, Badge, Button, Group, NativeSelect, Paper, Stack, Text, TextInput } from "@mantine/core";
import { IconRobot, IconTrash } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, ask } from "~/api/client";
import { messageOf } from "~/api/problem";
import type { Schemas } from "~/api/types";
import { useRefusal } from "~/app/me";
import { queries } from "~/app/queries";
import { Confirm } from "~/shared/confirm";
import { ShowMore, usePages } from "~/shared/listing/listing";
import { Empty, Failure, Waiting } from "~/shared/states";
import { tell, tellRefused } from "~/shared/tell";
import { Time } from "~/shared/time";
import { NewKey } from "./new-key";
import { ROLES, type Role } from "./people";

type Account = Schemas["ServiceAccountShape"];

const lookAgain = (): Promise<unknown> =>
  Promise.all([
    queries.invalidateQueries({ queryKey: ["service-accounts"] }),
    queries.invalidateQueries({ queryKey: ["keys"] }),
  ]);

export function Accounts() {
  const { list, pages, total } = usePages(["service-accounts"], (query, signal) =>
    ask(api.GET("/api/v1/service-accounts", { params: { query }, signal })),
  );
  const accounts = pages.flatMap((page) => page.serviceAccounts);
  return (
    <Stack>
      <Text size="sm" c="dimmed">
        A service account is a member that is a program. It comes in with keys of its own, and stays when a person
        leaves.
      </Text>
      <NewAccount />
      {list.error && <Failure error={list.error} retry={() => void list.refetch()} />}
      {list.isPending && !list.error && <Waiting />}
      {list.data && total === 0 && (
        <Empty icon={IconRobot} title="No service account">
          Make one above for each program that uses the API.
        </Empty>
      )}
      <Stack gap="xs" component="section" aria-label="Service accounts">
        {accounts.map((account) => (
          <Row key={account.id} account={account} />
        ))}
      </Stack>
      <ShowMore list={list} />
    </Stack>
  );
}

function NewAccount() {
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("operator");
  const refusal = useRefusal("admin");
  const make = useMutation({
    mutationFn: () => ask(api.POST("/api/v1/service-accounts", { body: { name, role } })),
    onSuccess: (made) => {
      setName("");
      tell(`The service account ${made.name} is made. Make a key for it.`);
      void lookAgain();
    },
  });
  const send = (event: FormEvent): void => {
    event.preventDefault();
    make.mutate();
  };
  return (
    <Paper withBorder p="md" component="form" onSubmit={send} aria-label="Make a service account">
      {make.error && <Alert color="red" role="alert" title={messageOf(make.error)} mb="sm" />}
      <Group align="flex-end" gap="sm">
        <TextInput
          label="Name of the service account"
          placeholder="which program it is"
          required
          maxLength={255}
          style={{ flex: "1 1 220px" }}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <NativeSelect
          label="Role"
          data={ROLES}
          value={role}
          onChange={(event) => setRole(event.currentTarget.value as Role)}
        />
        <Button type="submit" loading={make.isPending} disabled={!!refusal || !name.trim()} title={refusal}>
          Make a service account
        </Button>
      </Group>
    </Paper>
  );
}

function Row({ account }: { account: Account }) {
  const [asks, setAsks] = useState(false);
  const [makesKey, setMakesKey] = useState(false);
  const refusal = useRefusal("admin");
  const path = { account_id: account.id };
  const place = "/api/v1/service-accounts/{account_id}" as const;
  const change = useMutation({
    mutationFn: (body: Schemas["ServiceAccountPatch"]) => ask(api.PATCH(place, { params: { path }, body })),
    onSuccess: (found) => tell(`${found.name} is ${found.role}, ${found.status}.`),
    onError: tellRefused,
    onSettled: lookAgain,
  });
  const remove = useMutation({
    mutationFn: () => ask(api.DELETE(place, { params: { path } })),
    onSuccess: () => tell(`${account.name} is deleted.`),
    onError: tellRefused,
    onSettled: () => {
      setAsks(false);
      return lookAgain();
    },
  });
  const active = account.status === "active";
  return (
    <Paper withBorder px="md" py="xs" component="article" aria-label={account.name}>
      <Group justify="space-between" gap="sm">
        <div style={{ minWidth: 0, flex: "1 1 220px" }}>
          <Group gap="xs">
            <Text fw={600} size="sm" style={{ overflowWrap: "anywhere" }}>
              {account.name}
            </Text>
            {!active && (
              <Badge variant="outline" color="gray" tt="none" c="inherit" size="sm">
                disabled
              </Badge>
            )}
          </Group>
          <Text size="xs" c="dimmed" component="div">
            {account.activeKeys === 1 ? "1 key" : `${account.activeKeys} keys`} ·{" "}
            {account.lastUsedAt ? "used " : "not used yet"}
            {account.lastUsedAt && <Time at={account.lastUsedAt} />}
          </Text>
        </div>
        <Group gap="xs">
          <NativeSelect
            aria-label={`Role of ${account.name}`}
            data={ROLES}
            value={account.role}
            disabled={!!refusal || change.isPending}
            title={refusal}
            onChange={(event) => change.mutate({ role: event.currentTarget.value as Role })}
          />
          <Button
            size="xs"
            variant="default"
            aria-label={`Make a key for ${account.name}`}
            disabled={!!refusal}
            title={refusal}
            onClick={() => setMakesKey(!makesKey)}
          >
            New key
          </Button>
          <Button
            size="xs"
            variant="default"
            aria-label={`${active ? "Disable" : "Enable"} ${account.name}`}
            disabled={!!refusal || change.isPending}
            title={refusal}
            onClick={() => change.mutate({ status: active ? "disabled" : "active" })}
          >
            {active ? "Disable" : "Enable"}
          </Button>
          <ActionIcon
            variant="default"
            size="lg"
            aria-label={`Delete ${account.name}`}
            title={refusal ?? "Delete"}
            disabled={!!refusal}
            onClick={() => setAsks(true)}
          >
            <IconTrash size={16} aria-hidden />
          </ActionIcon>
        </Group>
      </Group>
      {makesKey && (
        <div style={{ marginTop: 12 }}>
          <NewKey account={account} done={lookAgain} />
        </div>
      )}
      {asks && (
        <Confirm
          title={`Delete ${account.name}?`}
          word="Delete"
          busy={remove.isPending}
          close={() => setAsks(false)}
          go={() => remove.mutate()}
        >
          Its keys are worthless at once. What it did stays, with its name.
        </Confirm>
      )}
    </Paper>
  );
}
