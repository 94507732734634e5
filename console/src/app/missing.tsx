import { Button, Center, Stack, Text, Title } from "@mantine/core";
import type { ErrorComponentProps } from "@tanstack/react-router";
import { messageOf } from "~/api/problem";
import { LinkButton } from "~/shared/link";

export function NotFound() {
  return (
    <Center mih="60vh" p="md">
      <Stack align="center" gap="sm">
        <Title order={1}>There is no page here</Title>
        <Text c="dimmed">The address may be misspelled, or what it showed may be gone.</Text>
        <LinkButton to="/">Go to Home</LinkButton>
      </Stack>
    </Center>
  );
}

export function PageFailed({ error, reset }: ErrorComponentProps) {
  return (
    <Center mih="60vh" p="md">
      <Stack align="center" gap="sm">
        <Title order={1}>This page could not be shown</Title>
        <Text c="dimmed" ta="center">
          {messageOf(error)}
        </Text>
        <Button onClick={reset}>Try again</Button>
      </Stack>
    </Center>
  );
}
