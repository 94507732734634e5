import dagre from "@dagrejs/dagre";
import { SegmentedControl, Stack, Text } from "@mantine/core";
import { IconGitBranch } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api, ask } from "~/api/client";
import type { Schemas } from "~/api/types";
import { useAddress } from "~/app/navigate";
import { textOf } from "~/app/search";
import { PageLink } from "~/shared/link";
import { Empty, Failure, Waiting } from "~/shared/states";
import classes from "./lineage.module.css";
import type { Dataset } from "./page";

type Direction = "upstream" | "downstream" | "both";
const WIDE = 250;
const HIGH = 54;

/** Where the rows come from and where they go: boxes are tables and sources, lines are runs. */
export default function Lineage({ dataset }: { dataset: Dataset }) {
  const [search, change] = useAddress();
  const direction = (textOf(search.direction) ?? "both") as Direction;
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ["lineage", dataset.id, direction],
    queryFn: ({ signal }) =>
      ask(
        api.GET("/api/v1/datasets/{dataset}/lineage", {
          params: { path: { dataset: dataset.id }, query: { direction, depth: 5 } },
          signal,
        }),
      ),
  });
  return (
    <Stack gap="sm">
      <SegmentedControl
        aria-label="Direction"
        size="xs"
        w="fit-content"
        value={direction}
        onChange={(value) => change({ direction: value === "both" ? undefined : value })}
        data={[
          { value: "upstream", label: "Where it comes from" },
          { value: "both", label: "Both" },
          { value: "downstream", label: "Where it goes" },
        ]}
      />
      {error && <Failure error={error} retry={() => void refetch()} />}
      {isPending && <Waiting />}
      {data && data.edges.length === 0 && (
        <Empty icon={IconGitBranch} title="No lineage is known">
          The next run that reads or writes this table tells it.
        </Empty>
      )}
      {data && data.edges.length > 0 && <Drawing lineage={data} here={dataset.id} />}
      {data && !data.complete && (
        <Text size="xs" c="dimmed">
          More lies beyond five steps, or beyond 500 tables. Open one of the outer tables to go on from there.
        </Text>
      )}
    </Stack>
  );
}

function layout({ nodes, edges }: Schemas["LineageShape"]) {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 18, ranksep: 56, marginx: 8, marginy: 8 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) graph.setNode(node.id, { width: WIDE, height: HIGH });
  for (const edge of edges) if (edge.source !== edge.target) graph.setEdge(edge.source, edge.target);
  dagre.layout(graph);
  const size = graph.graph();
  return { graph, width: size.width ?? WIDE, height: size.height ?? HIGH };
}

function Drawing({ lineage, here }: { lineage: Schemas["LineageShape"]; here: string }) {
  const { graph, width, height } = useMemo(() => layout(lineage), [lineage]);
  return (
    <div className={classes.box} role="region" aria-label="Lineage" tabIndex={0}>
      <div className={classes.sheet} style={{ width, height }}>
        <svg width={width} height={height} aria-hidden className={classes.lines}>
          {graph.edges().map((edge) => {
            const points: { x: number; y: number }[] = graph.edge(edge).points ?? [];
            return <path key={`${edge.v} ${edge.w}`} d={pathOf(points)} />;
          })}
        </svg>
        {lineage.nodes.map((node) => {
          const { x, y } = graph.node(node.id);
          const style = { left: x - WIDE / 2, top: y - HIGH / 2, width: WIDE, height: HIGH };
          return (
            <div
              key={node.id}
              className={classes.node}
              data-here={node.id === here || undefined}
              data-layer={node.layer ?? "source"}
              style={style}
            >
              <Named node={node} here={node.id === here} />
              <Text size="xs" c="dimmed" truncate>
                {node.type === "source"
                  ? (node.connection?.name ?? "source")
                  : `${(node.rowCount ?? 0).toLocaleString()} rows`}
              </Text>
            </div>
          );
        })}
      </div>
    </div>
  );
}

function Named({ node, here }: { node: Schemas["NodeShape"]; here: boolean }) {
  if (node.type === "source" || here) {
    return (
      <Text size="sm" fw={600} truncate title={node.name} aria-current={here || undefined}>
        {node.name}
      </Text>
    );
  }
  return (
    <PageLink to={`/datasets/${node.id}`} search={{ tab: "lineage" }} size="sm" truncate="end" title={node.name}>
      {node.name}
    </PageLink>
  );
}

const pathOf = (points: { x: number; y: number }[]): string =>
  points.map(({ x, y }, index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join(" ");
