import { Alert, Anchor, Button, Group, Paper, Stack, Tabs, Text } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "~/api/client";
import { Problem } from "~/api/problem";
import { ROOT } from "~/api/root";
import type { FlashboardDetail } from "~/api/types";
import { useRefusal } from "~/app/me";
import { useAddress, useGo, usePart } from "~/app/navigate";
import { queries } from "~/app/queries";
import { textOf } from "~/app/search";
import { Confirm } from "~/shared/confirm";
import { Json } from "~/shared/json";
import { PageLink } from "~/shared/link";
import { counted } from "~/shared/numbers";
import { OpenBoard } from "~/shared/open-board";
import { Page } from "~/shared/page";
import { saveFile } from "~/shared/save-file";
import { Failure, Waiting } from "~/shared/states";
import { isLive, StatusBadge } from "~/shared/status";
import { tell, tellRefused } from "~/shared/tell";
import { Time } from "~/shared/time";
import { Links } from "./links";
import { Versions } from "./versions";

export default function BoardPage() {
  const slug = usePart("slug");
  const found = useQuery({
    queryKey: ["board", slug],
    queryFn: ({ signal }) =>
      ask(api.GET("/api/v1/flashboards/{flashboard}", { params: { path: { flashboard: slug } }, signal })),
    refetchInterval: ({ state }) => (state.data?.lastRun && isLive(state.data.lastRun.status) ? 2_000 : 15_000),
  });
  if (found.error && !found.data) return <Failure error={found.error} retry={() => void found.refetch()} />;
  if (!found.data) return <Waiting />;
  return <Shown key={slug} board={found.data} />;
}

function Shown({ board }: { board: FlashboardDetail }) {
  const [search, change] = useAddress();
  const tab = textOf(search.tab) ?? "versions";
  return (
    <Page title={board.title} actions={<Actions board={board} />}>
      <Text size="sm" c="dimmed" component="div">
        <PageLink to="/boards" underline="always">
          Flashboards
        </PageLink>{" "}
        · {board.slug} · {counted(board.tileCount, "tile")}
        {board.versionCreatedAt && " · refreshed "}
        {board.versionCreatedAt && <Time at={board.versionCreatedAt} />}
      </Text>
      {board.description && <Text>{board.description}</Text>}
      <LastRun board={board} />
      <Tabs
        value={tab}
        onChange={(value) => change({ tab: value === "versions" ? undefined : (value ?? undefined) })}
        keepMounted={false}
      >
        <Tabs.List mb="md">
          <Tabs.Tab value="versions">Versions</Tabs.Tab>
          <Tabs.Tab value="share">Share</Tabs.Tab>
          <Tabs.Tab value="export">Export</Tabs.Tab>
          <Tabs.Tab value="definition">Definition</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="versions">
          <Versions board={board} />
        </Tabs.Panel>
        <Tabs.Panel value="share">
          <Links board={board} />
        </Tabs.Panel>
        <Tabs.Panel value="export">
          <Export board={board} />
        </Tabs.Panel>
        <Tabs.Panel value="definition">
          <Json value={board.definition} label="the definition" />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}

function Actions({ board }: { board: FlashboardDetail }) {
  const [asks, setAsks] = useState(false);
  const refusal = useRefusal("operator");
  const go = useGo();
  const path = { flashboard: board.slug };
  const refresh = useMutation({
    mutationFn: () => ask(api.POST("/api/v1/flashboards/{flashboard}/refresh", { params: { path } })),
    onSuccess: () => tell("A run makes a new version."),
    onError: tellRefused,
    onSettled: () => queries.invalidateQueries({ queryKey: ["board", board.slug] }),
  });
  const remove = useMutation({
    mutationFn: () => ask(api.DELETE("/api/v1/flashboards/{flashboard}", { params: { path } })),
    onSuccess: () => {
      tell("Deleted.");
      go("/boards");
      void queries.invalidateQueries({ queryKey: ["boards"] });
    },
    onError: tellRefused,
  });
  return (
    <>
      <OpenBoard board={board} size="xs" variant="filled" />
      <Button
        size="xs"
        variant="default"
        disabled={!!refusal}
        title={refusal}
        loading={refresh.isPending}
        onClick={() => refresh.mutate()}
      >
        Refresh
      </Button>
      <Button size="xs" variant="default" disabled={!!refusal} title={refusal} onClick={() => setAsks(true)}>
        Delete
      </Button>
      {asks && (
        <Confirm
          title={`Delete ${board.title}?`}
          word="Delete"
          busy={remove.isPending}
          close={() => setAsks(false)}
          go={() => remove.mutate()}
        >
          All its versions go with their data, and its links show it no longer.
        </Confirm>
      )}
    </>
  );
}

/** The run that made the newest version, or tried to. */
function LastRun({ board }: { board: FlashboardDetail }) {
  const run = board.lastRun;
  if (!run || run.status === "completed") return null;
  const failed = run.status === "failed";
  return (
    <Alert
      color={failed ? "red" : "blue"}
      role={failed ? "alert" : "status"}
      title={failed ? String(run.error?.message ?? "The last refresh failed") : "A run makes a new version"}
    >
      <Group gap="xs">
        <StatusBadge status={run.status} />
        <PageLink to={`/runs/${run.id}`} size="sm">
          Its run
        </PageLink>
        {failed && board.version !== null && (
          <Text size="sm">Version {board.version} is shown until one succeeds.</Text>
        )}
      </Group>
    </Alert>
  );
}

/** A PDF is asked for, and not linked to: an installation without a browser says so. */
function Pdf({ slug, href }: { slug: string; href: string }) {
  const made = useMutation({
    mutationFn: async () => {
      const response = await fetch(href);
      if (!response.ok) throw Problem.of(response, await response.json().catch(() => undefined));
      saveFile(await response.blob(), `${slug}.pdf`);
    },
  });
  return (
    <div>
      <Button variant="subtle" size="compact-sm" loading={made.isPending} onClick={() => made.mutate()}>
        As PDF
      </Button>
      {made.error && <Failure error={made.error} />}
    </div>
  );
}

type Tile = { key?: unknown; title?: unknown; type?: unknown };

function Export({ board }: { board: FlashboardDetail }) {
  const base = `${ROOT}/api/v1/flashboards/${encodeURIComponent(board.slug)}`;
  const tiles = (Array.isArray(board.definition.tiles) ? board.definition.tiles : []) as Tile[];
  if (board.version === null) return <Text c="dimmed">There is no version yet that could be exported.</Text>;
  return (
    <Stack>
      <Paper withBorder p="md">
        <Group gap="lg">
          <Anchor href={`${base}/export`} download={`${board.slug}.html`}>
            The whole page as one HTML file
          </Anchor>
          <Pdf slug={board.slug} href={`${base}/export?format=pdf`} />
        </Group>
        <Text size="sm" c="dimmed">
          The HTML file opens from a disk, without a network.
        </Text>
      </Paper>
      <Stack gap="xs" component="section" aria-label="Tiles">
        {tiles
          .filter((tile) => tile.type !== "text")
          .map((tile) => {
            const place = `${base}/tiles/${encodeURIComponent(String(tile.key))}`;
            const forms = tile.type === "chart" ? ["csv", "svg", "png"] : ["csv"];
            return (
              <Paper withBorder px="md" py="xs" key={String(tile.key)}>
                <Group justify="space-between" gap="sm">
                  <Text size="sm" fw={600} style={{ overflowWrap: "anywhere" }}>
                    {String(tile.title || tile.key)}
                  </Text>
                  <Group gap="md">
                    {forms.map((form) => (
                      <Anchor
                        key={form}
                        size="sm"
                        href={`${place}?format=${form}`}
                        download={`${board.slug}-${String(tile.key)}.${form}`}
                        aria-label={`${String(tile.title || tile.key)} as ${form.toUpperCase()}`}
                      >
                        {form.toUpperCase()}
                      </Anchor>
                    ))}
                  </Group>
                </Group>
              </Paper>
            );
          })}
      </Stack>
    </Stack>
  );
}
