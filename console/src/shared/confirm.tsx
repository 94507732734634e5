/** Asks before something is removed. */
import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";

type Props = { title: string; word: string; busy: boolean; close: () => void; go: () => void; children: ReactNode };

export function Confirm({ title, word, busy, close, go, children }: Props) {
  return (
    <Modal opened onClose={close} title={title}>
      <Stack>
        <Text size="sm" component="div">
          {children}
        </Text>
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>
            Keep it
          </Button>
          <Button color="red" loading={busy} onClick={go} data-autofocus>
            {word}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
