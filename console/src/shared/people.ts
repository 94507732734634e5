/** What a person is called. */
import type { User } from "~/api/types";

export function nameOf(user: Pick<User, "firstName" | "lastName"> | undefined, otherwise = "somebody"): string {
  return [user?.firstName, user?.lastName].filter(Boolean).join(" ") || otherwise;
}
