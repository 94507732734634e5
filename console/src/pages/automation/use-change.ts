/** Changes of an automation from its page; each tells how it went. */
import { notifications } from "@mantine/notifications";
import { useMutation } from "@tanstack/react-query";
import { messageOf } from "~/api/problem";
import { queries } from "~/app/queries";

export const lookAgain = (): Promise<unknown> =>
  Promise.all(
    ["automation", "automations", "automation-versions", "automation-runs", "backfills", "names"].map((key) =>
      queries.invalidateQueries({ queryKey: [key] }),
    ),
  );

export function useChange<T, R>(send: (value: T) => Promise<R>, told: string, done?: (answer: R) => void) {
  return useMutation({
    mutationFn: send,
    onSuccess: (answer) => {
      notifications.show({ color: "teal", message: told });
      done?.(answer);
    },
    onError: (error) =>
      notifications.show({ color: "red", title: "That was refused", message: messageOf(error), autoClose: 10_000 }),
    onSettled: lookAgain,
  });
}
