import { Button, Group, Modal, Stack } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { queries } from "~/app/queries";
import { Failure } from "./states";

/** Lists look again when they are opened. The page of what is gone, still open for a moment, does not ask for it. */
export function gone(...keys: string[]): void {
  for (const key of keys) void queries.invalidateQueries({ queryKey: [key], refetchType: "none" });
}

type Props = {
  title: string;
  word?: string;
  children: ReactNode;
  close: () => void;
  send: () => Promise<unknown>;
  done: () => void;
};

/** Asks before something is deleted, and says what that means for what uses it. */
export function Remove({ title, word = "Delete", children, close, send, done }: Props) {
  const removal = useMutation({ mutationFn: send, onSuccess: done });
  return (
    <Modal opened onClose={close} title={title}>
      <Stack>
        {children}
        {removal.error && <Failure error={removal.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>
            Keep it
          </Button>
          <Button color="red" loading={removal.isPending} onClick={() => removal.mutate()} data-autofocus>
            {word}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
