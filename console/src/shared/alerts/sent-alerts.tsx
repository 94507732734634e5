/** The messages that rules have sent, newest first; it looks again by itself. */
import { Stack } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { api, ask } from "~/api/client";
import { ShowMore } from "~/shared/listing/listing";
import { Failure, Waiting } from "~/shared/states";
import { AlertRow } from "./alert-row";

type Props = { rule?: string; status?: string; nothing: ReactNode };

export function SentAlerts({ rule, status, nothing }: Props) {
  const found = useInfiniteQuery({
    queryKey: ["alerts", rule, status],
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: 50, offset: pageParam, rule, status: status ? [status as never] : undefined };
      return ask(api.GET("/api/v1/alerts", { params: { query }, signal }));
    },
    initialPageParam: 0,
    getNextPageParam: (last) => (last.hasNext ? last.offset + last.limit : undefined),
    refetchInterval: 5_000,
  });
  const alerts = found.data?.pages.flatMap((page) => page.alerts) ?? [];
  return (
    <>
      {found.error && <Failure error={found.error} retry={() => void found.refetch()} />}
      {found.isPending && !found.error && <Waiting />}
      {found.data && alerts.length === 0 && nothing}
      <Stack gap="xs" component="section" aria-label="Alerts">
        {alerts.map((alert) => (
          <AlertRow key={alert.id} alert={alert} />
        ))}
      </Stack>
      <ShowMore list={found} />
    </>
  );
}
