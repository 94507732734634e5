/** The people of the organisation: their roles, and invitations. */
import { ActionIcon, Badge, Group, NativeSelect, Paper, Stack, Text } from "@mantine/core";
import { IconTrash, IconUsers } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "~/api/client";
import type { Schemas } from "~/api/types";
import { meQuery, useRefusal } from "~/app/me";
import { queries } from "~/app/queries";
import { Confirm } from "~/shared/confirm";
import { ShowMore } from "~/shared/listing/listing";
import { nameOf } from "~/shared/people";
import { Empty, Failure, Waiting } from "~/shared/states";
import { tell, tellRefused } from "~/shared/tell";
import { Time } from "~/shared/time";
import { Invite } from "./invite";

export type Member = Schemas["MemberShape"];
export type Role = Member["role"];

/** What a role may do. */
export const ROLES: { value: Role; label: string }[] = [
  { value: "viewer", label: "viewer: sees everything" },
  { value: "operator", label: "operator: runs and changes" },
  { value: "admin", label: "admin: people and settings, too" },
];

const lookAgain = (): Promise<unknown> => queries.invalidateQueries({ queryKey: ["members"] });

export function People() {
  const found = useInfiniteQuery({
    queryKey: ["members"],
    queryFn: ({ pageParam, signal }) =>
      ask(api.GET("/api/v1/users", { params: { query: { limit: 100, offset: pageParam } }, signal })),
    initialPageParam: 0,
    getNextPageParam: (last) => (last.hasNext ? last.offset + last.limit : undefined),
  });
  const members = found.data?.pages.flatMap((page) => page.members) ?? [];
  return (
    <Stack>
      <Invite done={lookAgain} />
      {found.error && <Failure error={found.error} retry={() => void found.refetch()} />}
      {found.isPending && <Waiting />}
      {found.data && members.length === 0 && (
        <Empty icon={IconUsers} title="Nobody here">
          Invite somebody by their email.
        </Empty>
      )}
      <Stack gap="xs" component="section" aria-label="People">
        {members.map((member) => (
          <Row key={member.id} member={member} />
        ))}
      </Stack>
      <ShowMore list={found} />
    </Stack>
  );
}

function Row({ member }: { member: Member }) {
  const { data: me } = useQuery(meQuery);
  const [asks, setAsks] = useState(false);
  const refusal = useRefusal("admin");
  const path = { user_id: member.id };
  const change = useMutation({
    mutationFn: (role: Role) => ask(api.PATCH("/api/v1/users/{user_id}", { params: { path }, body: { role } })),
    onSuccess: ({ role }) => tell(`${member.email} is ${role} now.`),
    onError: tellRefused,
    onSettled: lookAgain,
  });
  const remove = useMutation({
    mutationFn: () => ask(api.DELETE("/api/v1/users/{user_id}", { params: { path } })),
    onSuccess: () => tell(`${member.email} is removed.`),
    onError: tellRefused,
    onSettled: () => {
      setAsks(false);
      return lookAgain();
    },
  });
  const self = me?.user.id === member.id;
  return (
    <Paper withBorder px="md" py="xs" component="article" aria-label={member.email}>
      <Group justify="space-between" gap="sm">
        <div style={{ minWidth: 0, flex: "1 1 200px" }}>
          <Group gap="xs">
            <Text fw={600} size="sm" style={{ overflowWrap: "anywhere" }}>
              {nameOf(member, member.email)}
            </Text>
            {self && <Mark>you</Mark>}
            {!member.acceptedAt && !member.hasPassword && <Mark>invited</Mark>}
          </Group>
          <Text size="xs" c="dimmed" component="div" style={{ overflowWrap: "anywhere" }}>
            {member.email} · since <Time at={member.acceptedAt ?? member.createdAt} as="day" />
          </Text>
        </div>
        <Group gap="xs" wrap="nowrap">
          <NativeSelect
            aria-label={`Role of ${member.email}`}
            data={ROLES}
            value={change.isPending ? change.variables : member.role}
            disabled={!!refusal || change.isPending}
            title={refusal}
            onChange={(event) => change.mutate(event.currentTarget.value as Role)}
          />
          <ActionIcon
            variant="default"
            size="lg"
            aria-label={`Remove ${member.email}`}
            title={refusal ?? "Remove"}
            disabled={!!refusal}
            onClick={() => setAsks(true)}
          >
            <IconTrash size={16} aria-hidden />
          </ActionIcon>
        </Group>
      </Group>
      {asks && (
        <Confirm
          title={`Remove ${member.email}?`}
          word="Remove"
          busy={remove.isPending}
          close={() => setAsks(false)}
          go={() => remove.mutate()}
        >
          {self && <strong>This is you. </strong>}
          Their password, sessions and API keys here are worthless at once. What they did stays.
        </Confirm>
      )}
    </Paper>
  );
}

function Mark({ children }: { children: string }) {
  return (
    <Badge variant="outline" color="gray" tt="none" c="inherit" size="sm">
      {children}
    </Badge>
  );
}
