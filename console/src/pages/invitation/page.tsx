/** Where an invitation leads: choose a password, and be signed in. The token stands behind `#`, so no server logs it. */
import { Button, Center, Group, Paper, PasswordInput, Stack, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, ask } from "~/api/client";
import icon from "~/app/icon.svg";
import { useGo } from "~/app/navigate";
import { queries } from "~/app/queries";
import { PageLink } from "~/shared/link";
import { Failure } from "~/shared/states";

export default function InvitationPage() {
  useDocumentTitle("Invitation · VAI");
  const [token, setToken] = useState(() => window.location.hash.slice(1));
  const [password, setPassword] = useState("");
  const go = useGo();
  const accept = useMutation({
    mutationFn: () => ask(api.POST("/api/v1/invitations/accept", { body: { token: token.trim(), password } })),
    onSuccess: () => {
      queries.clear();
      go("/");
    },
  });
  const send = (event: FormEvent): void => {
    event.preventDefault();
    accept.mutate();
  };
  return (
    <Center component="main" mih="100vh" p="md">
      <Stack w={400} maw="100%" gap="lg">
        <Group gap="sm" justify="center">
          <img src={icon} alt="" width={36} height={36} />
          <Title order={1}>Join VAI</Title>
        </Group>
        <Paper withBorder shadow="sm" p="lg" component="form" onSubmit={send}>
          <Stack>
            <PasswordInput
              label="Invitation"
              description="It is in the link that you were given."
              required
              autoComplete="off"
              value={token}
              onChange={(event) => setToken(event.currentTarget.value)}
            />
            <PasswordInput
              label="A password of your own"
              required
              autoComplete="new-password"
              value={password}
              onChange={(event) => setPassword(event.currentTarget.value)}
            />
            {accept.error && <Failure error={accept.error} />}
            <Button type="submit" loading={accept.isPending} disabled={!token.trim() || !password} fullWidth>
              Join
            </Button>
          </Stack>
        </Paper>
        <Text size="sm" ta="center">
          <PageLink to="/sign-in">I have an account: sign in</PageLink>
        </Text>
      </Stack>
    </Center>
  );
}
