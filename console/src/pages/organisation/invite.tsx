/** An invitation: no mail is sent, so its link is shown once, to be handed on. */
import { Alert, Button, Group, NativeSelect, Paper, Stack, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, ask } from "~/api/client";
import { messageOf, Problem } from "~/api/problem";
import { ROOT } from "~/api/root";
import { useRefusal } from "~/app/me";
import { Secret } from "~/shared/secret";
import { Time } from "~/shared/time";
import { ROLES, type Role } from "./people";

export function Invite({ done }: { done: () => void }) {
  const [email, setEmail] = useState("");
  const [firstName, setFirstName] = useState("");
  const [lastName, setLastName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const refusal = useRefusal("admin");
  const invite = useMutation({
    mutationFn: () => {
      const body = { email, role, firstName: firstName.trim() || null, lastName: lastName.trim() || null };
      return ask(api.POST("/api/v1/users", { body }));
    },
    onSuccess: () => {
      setEmail("");
      setFirstName("");
      setLastName("");
      done();
    },
  });
  const send = (event: FormEvent): void => {
    event.preventDefault();
    invite.mutate();
  };
  const made = invite.data;
  return (
    <Stack gap="sm">
      {made && (
        <Secret
          title={`${made.email} is invited`}
          label="the invitation"
          value={`${window.location.origin}${ROOT}/invitation#${made.invitationToken}`}
          close={invite.reset}
        >
          Give them this link; no mail is sent, and it is not shown again. It is good once, until{" "}
          <Time at={made.invitationEndsAt} as="day" />.
        </Secret>
      )}
      <Paper withBorder p="md" component="form" onSubmit={send} aria-label="Invite somebody">
        {invite.error && <Alert color="red" role="alert" title={messageOf(invite.error)} mb="sm" />}
        <Group align="flex-start" gap="sm">
          <TextInput
            label="Email"
            type="email"
            required
            style={{ flex: "1 1 220px" }}
            value={email}
            error={invite.error instanceof Problem && !!invite.error.about("email")}
            onChange={(event) => setEmail(event.currentTarget.value)}
          />
          <TextInput
            label="First name"
            style={{ flex: "1 1 120px" }}
            value={firstName}
            onChange={(event) => setFirstName(event.currentTarget.value)}
          />
          <TextInput
            label="Last name"
            style={{ flex: "1 1 120px" }}
            value={lastName}
            onChange={(event) => setLastName(event.currentTarget.value)}
          />
          <NativeSelect
            label="Role"
            data={ROLES}
            value={role}
            onChange={(event) => setRole(event.currentTarget.value as Role)}
          />
          <Button type="submit" mt={25} loading={invite.isPending} disabled={!!refusal || !email} title={refusal}>
            Invite
          </Button>
        </Group>
      </Paper>
    </Stack>
  );
}
