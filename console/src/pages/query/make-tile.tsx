import { Alert, Anchor, Button, Group, Modal, Select, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask } from "~/api/client";
import { ROOT } from "~/api/root";
import type { Run } from "~/api/types";
import { PageLink } from "~/shared/link";
import { Failure } from "~/shared/states";
import { isLive } from "~/shared/status";
import type { ChartChoice } from "./chart";

const NEW = "";

type Tile = Record<string, unknown> & { key?: string };

/** The query as a tile of a flashboard: of a new one, or as the last tile of one that is there. */
export function MakeTile({ sql, chart, close }: { sql: string; chart?: ChartChoice; close: () => void }) {
  const [board, setBoard] = useState(NEW);
  const [title, setTitle] = useState("");
  const [name, setName] = useState("");
  const boards = useQuery({
    queryKey: ["flashboards", "names"],
    queryFn: ({ signal }) => ask(api.GET("/api/v1/flashboards", { params: { query: { limit: 100 } }, signal })),
  });
  const making = useMutation({ mutationFn: () => make({ sql, chart, board, title, name }) });
  return (
    <Modal opened onClose={close} title="Make a flashboard tile of it">
      <Stack>
        <Select
          label="Flashboard"
          allowDeselect={false}
          searchable
          data={[
            { value: NEW, label: "A new one" },
            ...(boards.data?.flashboards ?? []).map((each) => ({ value: each.slug, label: each.title })),
          ]}
          value={board}
          onChange={(value) => setBoard(value ?? NEW)}
        />
        {board === NEW && (
          <TextInput
            label="Its title"
            withAsterisk
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
        )}
        <TextInput
          label="Title of the tile"
          value={title}
          onChange={(event) => setTitle(event.currentTarget.value)}
          data-autofocus
        />
        <Text size="sm" c="dimmed">
          {chart
            ? "It becomes a chart, as it is shown."
            : "It becomes a table. Choose Chart first to make a chart of it."}
        </Text>
        {making.error && <Failure error={making.error} />}
        {making.data && <Made run={making.data} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>
            {making.data ? "Close" : "Not now"}
          </Button>
          {!making.data && (
            <Button
              loading={making.isPending}
              disabled={board === NEW && name.trim() === ""}
              onClick={() => making.mutate()}
            >
              Make it
            </Button>
          )}
        </Group>
      </Stack>
    </Modal>
  );
}

type Wish = { sql: string; chart?: ChartChoice; board: string; title: string; name: string };

async function make({ sql, chart, board, title, name }: Wish): Promise<Run> {
  const before = board === NEW ? { title: name.trim(), tiles: [] } : await definitionOf(board);
  const tiles = before.tiles as Tile[];
  const tile: Tile = {
    key: freeKey(tiles),
    ...(title.trim() ? { title: title.trim() } : {}),
    ...(chart ? { type: "chart", chart: chart.type, x: chart.x, y: chart.y } : { type: "table" }),
    sql,
  };
  const layout = Array.isArray(before.layout) ? { layout: [...(before.layout as unknown[]), [tile.key]] } : {};
  const definition = { ...before, ...layout, tiles: [...tiles, tile] };
  const header = { Prefer: "wait=30" };
  let run: Run = await ask(
    api.POST("/api/v1/action-runs", { params: { header }, body: { kind: "create_flashboard", definition } }),
  );
  while (isLive(run.status)) {
    run = await ask<Run>(api.GET("/api/v1/action-runs/{run_id}", { params: { path: { run_id: run.id }, header } }));
  }
  return run;
}

async function definitionOf(slug: string): Promise<Record<string, unknown>> {
  const path = { flashboard: slug };
  const found = await ask(api.GET("/api/v1/flashboards/{flashboard}", { params: { path } }));
  return { ...found.definition, slug: found.slug };
}

function freeKey(tiles: Tile[]): string {
  const taken = new Set(tiles.map((each) => each.key));
  let number = tiles.length + 1;
  while (taken.has(`query-${number}`)) number += 1;
  return `query-${number}`;
}

function Made({ run }: { run: Run }) {
  const path = run.result?.path ?? run.result?.url;
  if (run.status !== "completed") {
    return (
      <Alert color="red" title={String(run.error?.message ?? "The flashboard was not made.")}>
        <PageLink to={`/runs/${run.id}`}>Its run</PageLink> says more.
      </Alert>
    );
  }
  return (
    <Alert color="teal" title="The tile is there.">
      {typeof path === "string" ? (
        <Anchor href={path.startsWith("/") ? `${ROOT}${path}` : path}>Open the flashboard</Anchor>
      ) : (
        <PageLink to={`/runs/${run.id}`}>Its run</PageLink>
      )}
    </Alert>
  );
}
