import { queryOptions, useQuery } from "@tanstack/react-query";
import { api, ask } from "~/api/client";
import type { Me } from "~/api/types";

/** Who is signed in: asked once, and again after a sign-in. */
export const meQuery = queryOptions({
  queryKey: ["me"],
  queryFn: ({ signal }) => ask<Me>(api.GET("/api/v1/me", { signal })),
  staleTime: Number.POSITIVE_INFINITY,
  retry: false,
});

const RANK = { viewer: 0, operator: 1, admin: 2 } as const;

/** Why the person may not do what needs this role; nothing where they may. */
export function useRefusal(role: keyof typeof RANK): string | undefined {
  const { data } = useQuery(meQuery);
  if (!data || RANK[data.role] >= RANK[role]) return undefined;
  return `This needs the role ${role}; yours is ${data.role}.`;
}
