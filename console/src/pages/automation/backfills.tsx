/** Past times that were made up for: how far each request is, and an end to all of its runs. */
import { Button, Group, Paper, Stack, Text, Title } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "~/api/client";
import type { Schemas } from "~/api/types";
import { useRefusal } from "~/app/me";
import { Confirm } from "~/shared/confirm";
import { StatusBadge } from "~/shared/status";
import { Time } from "~/shared/time";
import { useChange } from "./use-change";

type Made = Schemas["MadeBackfillShape"];
const COUNTED = ["completed", "failed", "cancelled", "running", "waiting"] as const;

/** Nothing where there was none: most automations have none. */
export function Backfills({ id }: { id: string }) {
  const list = useInfiniteQuery({
    queryKey: ["backfills", id],
    queryFn: ({ pageParam, signal }) =>
      ask(
        api.GET("/api/v1/automations/{automation_id}/backfills", {
          params: { path: { automation_id: id }, query: { limit: 5, cursor: pageParam } },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.nextCursor,
    refetchInterval: (state) =>
      state.state.data?.pages.some((page) => page.backfills.some(({ status }) => isLive(status))) ? 5_000 : 30_000,
  });
  const made = list.data?.pages.flatMap((page) => page.backfills) ?? [];
  if (!made.length) return null;
  return (
    <Stack gap="xs" mb="md">
      <Title order={2} size="h4">
        Backfills
      </Title>
      {made.map((one) => (
        <One key={one.id} made={one} />
      ))}
      {list.hasNextPage && (
        <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          Show more
        </Button>
      )}
    </Stack>
  );
}

function One({ made }: { made: Made }) {
  const [asked, setAsked] = useState(false);
  const refusal = useRefusal("operator");
  const end = useChange(
    () =>
      ask(
        api.POST("/api/v1/automations/{automation_id}/backfills/{backfill_id}/cancel", {
          params: { path: { automation_id: made.automationId, backfill_id: made.id } },
        }),
      ),
    "What had not ended is being cancelled.",
    () => setAsked(false),
  );
  return (
    <Paper withBorder px="sm" py={8} component="article" aria-label={`Backfill of ${made.createdAt}`}>
      <Group gap="sm">
        <StatusBadge status={made.status} />
        <Text size="sm" component="div">
          <Time at={made.since} as="day" /> – <Time at={made.until} as="day" />
        </Text>
        <Text size="xs" c="dimmed">
          {made.made} made:{" "}
          {COUNTED.filter((word) => made[word])
            .map((word) => `${made[word]} ${word}`)
            .join(", ")}
        </Text>
        {isLive(made.status) && (
          <Button
            ml="auto"
            size="xs"
            variant="default"
            disabled={refusal !== undefined}
            title={refusal}
            loading={end.isPending}
            onClick={() => setAsked(true)}
          >
            Cancel all of it
          </Button>
        )}
      </Group>
      {asked && (
        <Confirm
          title="Cancel this backfill?"
          word="Cancel all of it"
          busy={end.isPending}
          close={() => setAsked(false)}
          go={() => end.mutate(undefined)}
        >
          {made.running + made.waiting} automation runs that have not ended are cancelled. Times whose run had not begun
          may be made up for again.
        </Confirm>
      )}
    </Paper>
  );
}

const isLive = (status: Made["status"]): boolean => status === "running" || status === "cancelling";
