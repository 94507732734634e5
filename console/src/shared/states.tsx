/** What a page shows instead of what it has not: nothing yet, an error, a wait. */
import { Alert, Button, Center, Code, Group, Loader, Stack, Text, Title } from "@mantine/core";
import { type Icon, IconAlertCircle } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { messageOf, Problem } from "~/api/problem";

/** An empty list: what would be here, and the next step. */
export function Empty({ icon: Sign, title, children }: { icon: Icon; title: string; children?: ReactNode }) {
  return (
    <Center py={48} px="md">
      <Stack align="center" gap="xs" maw={520}>
        <Sign size={40} stroke={1.3} opacity={0.5} aria-hidden />
        <Title order={2} ta="center">
          {title}
        </Title>
        <Text component="div" c="dimmed" ta="center" size="sm">
          {children}
        </Text>
      </Stack>
    </Center>
  );
}

/** An error in the API's own words. */
export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  const id = error instanceof Problem ? error.requestId : "";
  return (
    <Alert color="red" icon={<IconAlertCircle aria-hidden />} title={messageOf(error)} role="alert">
      <Group gap="sm">
        {retry && (
          <Button size="xs" variant="light" color="red" onClick={retry}>
            Try again
          </Button>
        )}
        {id && (
          <Text size="xs" c="dimmed">
            For support: request <Code>{id}</Code>
          </Text>
        )}
      </Group>
    </Alert>
  );
}

export function Waiting() {
  return (
    <Center py={64} aria-busy="true">
      <Loader aria-label="Loading" />
    </Center>
  );
}
