/** Short words in the corner about something that was done, or was refused. */
import { notifications } from "@mantine/notifications";
import { messageOf } from "~/api/problem";

export const tell = (message: string): void => void notifications.show({ color: "teal", message });

export const tellRefused = (error: unknown): void =>
  void notifications.show({ color: "red", title: "That was refused", message: messageOf(error), autoClose: 10_000 });
