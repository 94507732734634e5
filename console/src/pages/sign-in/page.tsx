import { Center, Group, Paper, Stack, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { useRouter, useSearch } from "@tanstack/react-router";
import icon from "~/app/icon.svg";
import { type Search, textOf } from "~/app/search";
import { SignInForm } from "./form";

/** Only addresses of this console: somebody could send a link that leads elsewhere after the sign-in. */
const inside = (next: string | undefined): string => (next && /^\/(?![/\\])/.test(next) ? next : "/");

export function SignInPage() {
  useDocumentTitle("Sign in · VAI");
  const router = useRouter();
  const next = inside(textOf((useSearch({ strict: false }) as Search).next));
  return (
    <Center component="main" mih="100vh" p="md">
      <Stack w={400} maw="100%" gap="lg">
        <Group gap="sm" justify="center">
          <img src={icon} alt="" width={36} height={36} />
          <Title order={1}>Sign in to VAI</Title>
        </Group>
        <Paper withBorder shadow="sm" p="lg">
          <SignInForm done={() => router.history.push(next)} />
        </Paper>
        <Text size="xs" c="dimmed" ta="center">
          No account yet? An administrator of your organisation can invite you.
        </Text>
      </Stack>
    </Center>
  );
}
