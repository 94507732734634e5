/** The versions of a flashboard: each shows what it showed. */
import { Badge, Button, Group, Paper, Stack, Text } from "@mantine/core";
import { IconVersions } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "~/api/client";
import type { FlashboardDetail, FlashboardVersion } from "~/api/types";
import { useRefusal } from "~/app/me";
import { queries } from "~/app/queries";
import { Confirm } from "~/shared/confirm";
import { PageLink } from "~/shared/link";
import { ShowMore } from "~/shared/listing/listing";
import { OpenBoard } from "~/shared/open-board";
import { Empty, Failure, Waiting } from "~/shared/states";
import { tell, tellRefused } from "~/shared/tell";
import { duration, Time } from "~/shared/time";

export function Versions({ board }: { board: FlashboardDetail }) {
  const found = useInfiniteQuery({
    queryKey: ["board-versions", board.slug, board.version],
    queryFn: ({ pageParam, signal }) => {
      const params = { path: { flashboard: board.slug }, query: { limit: 50, offset: pageParam } };
      return ask(api.GET("/api/v1/flashboards/{flashboard}/versions", { params, signal }));
    },
    initialPageParam: 0,
    getNextPageParam: (last) => (last.hasNext ? last.offset + last.limit : undefined),
  });
  const versions = found.data?.pages.flatMap((page) => page.versions) ?? [];
  if (found.error && !found.data) return <Failure error={found.error} retry={() => void found.refetch()} />;
  if (found.isPending) return <Waiting />;
  if (versions.length === 0) {
    return (
      <Empty icon={IconVersions} title="No version yet">
        The first one is there when its run has completed.
      </Empty>
    );
  }
  return (
    <Stack gap="xs">
      {versions.map((version) => (
        <Row key={version.number} board={board} version={version} />
      ))}
      <ShowMore list={found} />
    </Stack>
  );
}

function Row({ board, version }: { board: FlashboardDetail; version: FlashboardVersion }) {
  const [asks, setAsks] = useState(false);
  const refusal = useRefusal("operator");
  const values = Object.entries(version.values);
  const remove = useMutation({
    mutationFn: () => {
      const params = { path: { flashboard: board.slug, number: version.number } };
      return ask(api.DELETE("/api/v1/flashboards/{flashboard}/versions/{number}", { params }));
    },
    onSuccess: () => tell(`Version ${version.number} is deleted.`),
    onError: tellRefused,
    onSettled: () => {
      setAsks(false);
      return queries.invalidateQueries({ queryKey: ["board-versions"] });
    },
  });
  return (
    <Paper withBorder px="md" py="xs" component="article" aria-label={`Version ${version.number}`}>
      <Group justify="space-between" gap="sm">
        <div style={{ minWidth: 0, flex: "1 1 220px" }}>
          <Group gap="xs">
            <Text fw={600} size="sm">
              Version {version.number}
            </Text>
            {version.isShown && (
              <Badge variant="outline" color="gray" tt="none" c="inherit" size="sm">
                shown
              </Badge>
            )}
          </Group>
          <Text size="xs" c="dimmed" component="div">
            <Time at={version.createdAt} as="day" /> · took {duration(version.seconds)} ·{" "}
            <PageLink to={`/runs/${version.runId}`} underline="always">
              its run
            </PageLink>
          </Text>
          {values.length > 0 && (
            <Text size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>
              {values.map(([name, value]) => `${name}: ${String(value)}`).join(", ")}
            </Text>
          )}
        </div>
        <Group gap="xs">
          <OpenBoard board={board} version={version.number} size="xs" />
          {!version.isShown && (
            <Button
              size="xs"
              variant="default"
              disabled={!!refusal}
              title={refusal}
              aria-label={`Delete version ${version.number}`}
              onClick={() => setAsks(true)}
            >
              Delete
            </Button>
          )}
        </Group>
      </Group>
      {asks && (
        <Confirm
          title={`Delete version ${version.number}?`}
          word="Delete"
          busy={remove.isPending}
          close={() => setAsks(false)}
          go={() => remove.mutate()}
        >
          It goes with its data.
        </Confirm>
      )}
    </Paper>
  );
}
