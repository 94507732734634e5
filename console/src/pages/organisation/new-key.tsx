/** A new API key: for oneself or a service account, with all that its role may or narrowed to scopes. Shown once. */
import { Alert, Button, Group, MultiSelect, NativeSelect, Paper, Stack, TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, ask } from "~/api/client";
import { messageOf } from "~/api/problem";
import type { Schemas } from "~/api/types";
import { meQuery } from "~/app/me";
import { Secret } from "~/shared/secret";
import { ROLES, type Role } from "./people";

const DAYS = [
  { value: "90", label: "ends in 90 days" },
  { value: "30", label: "ends in 30 days" },
  { value: "365", label: "ends in a year" },
  { value: "", label: "no end of its own" },
];
const RANK: Role[] = ["viewer", "operator", "admin"];

type Props = { account?: Pick<Schemas["ServiceAccountShape"], "id" | "name" | "role">; done: () => unknown };

export function NewKey({ account, done }: Props) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [days, setDays] = useState("90");
  const [scopes, setScopes] = useState<string[]>([]);
  const { data: me } = useQuery(meQuery);
  const highest = account?.role ?? me?.role ?? "admin";
  const reaches = (least: Role, most: Role): boolean => RANK.indexOf(least) <= RANK.indexOf(most);
  const known = useQuery({
    queryKey: ["scopes"],
    queryFn: ({ signal }) => ask(api.GET("/api/v1/scopes", { signal })),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const may = (known.data?.scopes ?? []).filter((each) => reaches(each.role, role));
  const chosen = scopes.filter((each) => may.some((one) => one.scope === each));
  const make = useMutation({
    mutationFn: () => {
      const expiresAt = days ? new Date(Date.now() + Number(days) * 86_400_000).toISOString() : null;
      const only = chosen.length > 0 ? { scopes: chosen } : {};
      const whose = account ? { serviceAccountId: account.id } : {};
      return ask(api.POST("/api/v1/api-keys", { body: { name, role, expiresAt, ...only, ...whose } }));
    },
    onSuccess: () => {
      setName("");
      setScopes([]);
      void done();
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
      <Paper
        withBorder
        p="md"
        component="form"
        onSubmit={send}
        aria-label={account ? `Key for ${account.name}` : "Make a key"}
      >
        {make.error && <Alert color="red" role="alert" title={messageOf(make.error)} mb="sm" />}
        <Stack gap="sm">
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
              data={ROLES.filter((each) => reaches(each.value, highest))}
              value={role}
              onChange={(event) => setRole(event.currentTarget.value as Role)}
            />
            <NativeSelect
              label="How long"
              data={DAYS}
              value={days}
              onChange={(event) => setDays(event.currentTarget.value)}
            />
          </Group>
          <Group align="flex-end" gap="sm">
            <MultiSelect
              label="Only these scopes"
              placeholder={chosen.length > 0 ? "" : "all that the role may"}
              searchable
              clearable
              clearButtonProps={{ "aria-label": "No scopes" }}
              hidePickedOptions
              style={{ flex: "1 1 320px" }}
              data={may.map((each) => ({ value: each.scope, label: each.scope }))}
              value={chosen}
              onChange={setScopes}
            />
            <Button type="submit" loading={make.isPending} disabled={!name.trim()}>
              Make a key
            </Button>
          </Group>
        </Stack>
      </Paper>
    </Stack>
  );
}
