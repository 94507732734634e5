/** Something that is shown this once: to be copied before one goes on. */
import { Alert, Code, Group, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { Copy } from "./json";

type Props = { title: string; value: string; label: string; close: () => void; children: ReactNode };

export function Secret({ title, value, label, close, children }: Props) {
  return (
    <Alert
      color="teal"
      title={title}
      withCloseButton
      closeButtonLabel="It is copied; hide it"
      onClose={close}
      role="status"
    >
      <Stack gap="xs">
        <Text size="sm" component="div">
          {children}
        </Text>
        <Group gap={6} wrap="nowrap">
          <Code style={{ overflowWrap: "anywhere", fontSize: 13 }} aria-label={label}>
            {value}
          </Code>
          <Copy value={value} label={`Copy ${label}`} />
        </Group>
      </Stack>
    </Alert>
  );
}
