import "@xyflow/react/dist/base.css";
import {
  Background,
  Controls,
  type Edge,
  Handle,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
} from "@xyflow/react";
import { memo, useEffect, useMemo, useRef } from "react";
import { kindName } from "~/shared/runs";
import { lookOf } from "~/shared/status";
import { duration } from "~/shared/time";
import classes from "./flow.module.css";
import type { GraphProps, StepState } from "./graph";
import { HEIGHT, layout, type Spot, WIDTH } from "./layout";
import type { Graph, GraphNode } from "./steps";

type StepNode = Node<{ step: GraphNode; state?: StepState }, "step">;

/** As many are shown at once; of more the beginning is shown, large enough to read. */
const FITS = 60;
/** So much smaller than itself a step can still be read. */
const SMALLEST = 0.5;

/** One arrow for all edges: markers by their looks would be compared edge by edge. */
const ARROW = "graph-arrow";

const TYPES = { step: memo(Step) };
const HANDLES = [
  { type: "target", position: Position.Left, x: 0, y: HEIGHT / 2, width: 1, height: 1 },
  { type: "source", position: Position.Right, x: WIDTH, y: HEIGHT / 2, width: 1, height: 1 },
] as const;

export default function Flow(props: GraphProps) {
  return (
    <ReactFlowProvider>
      <Shown {...props} />
    </ReactFlowProvider>
  );
}

function Shown({ graph, states, chosen, choose, height = "28rem", label }: GraphProps) {
  const shape = JSON.stringify([graph.nodes.map(({ key }) => key), graph.edges.map(({ id }) => id)]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: names and kinds change no place.
  const spots = useMemo(() => layout(graph), [shape]);
  const nodes = useNodes(graph, spots, states, chosen);
  const edges = useMemo(() => edgesOf(graph, states), [graph, states]);
  const flow = useReactFlow();
  const box = useRef<HTMLDivElement>(null);
  const many = graph.nodes.length > FITS;
  const start = useMemo(() => startOf(spots), [spots]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another shape is looked at anew, another state is not.
  useEffect(() => {
    const soon = requestAnimationFrame(() => {
      const wide = Math.max(0, ...[...spots.values()].map(({ x }) => x)) + WIDTH;
      const fits = wide * SMALLEST < (box.current?.clientWidth ?? 0);
      if (many || !fits) void flow.setViewport(start);
      else void flow.fitView({ padding: 0.12, maxZoom: 1 });
    });
    return () => cancelAnimationFrame(soon);
  }, [shape]);
  return (
    <div ref={box} className={classes.box} style={{ height }} role="region" aria-label={label}>
      <Arrow />
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={TYPES}
        defaultViewport={start}
        fitViewOptions={{ padding: 0.12, maxZoom: 1 }}
        minZoom={0.05}
        maxZoom={1.6}
        onlyRenderVisibleElements
        nodesDraggable={false}
        nodesConnectable={false}
        edgesFocusable={false}
        deleteKeyCode={null}
        selectionKeyCode={null}
        multiSelectionKeyCode={null}
        elementsSelectable={choose !== undefined}
        nodesFocusable={choose !== undefined}
        onNodeClick={(_, node) => choose?.(node.id)}
        onPaneClick={() => choose?.(undefined)}
        onSelectionChange={({ nodes: now }) => {
          const key = now[0]?.id;
          if (key && key !== chosen) choose?.(key);
        }}
        proOptions={{ hideAttribution: false }}
      >
        <Background gap={22} size={1} />
        <Controls showInteractive={false} position="bottom-right" />
      </ReactFlow>
    </div>
  );
}

function Arrow() {
  return (
    <svg className={classes.marker} aria-hidden>
      <defs>
        <marker
          id={ARROW}
          viewBox="-10 -10 20 20"
          markerWidth="16"
          markerHeight="16"
          markerUnits="strokeWidth"
          orient="auto-start-reverse"
          refX="0"
          refY="0"
        >
          <polyline points="-5,-4 0,0 -5,4 -5,-4" className={classes.arrow} />
        </marker>
      </defs>
    </svg>
  );
}

/** The nodes; one that has not changed stays the same object, so that it is not drawn again. */
function useNodes(
  graph: Graph,
  spots: Map<string, Spot>,
  states: GraphProps["states"],
  chosen: string | undefined,
): StepNode[] {
  const kept = useRef(new Map<string, { mark: string; node: StepNode }>());
  return useMemo(() => {
    const fresh = new Map<string, { mark: string; node: StepNode }>();
    for (const step of graph.nodes) {
      const position = spots.get(step.key) ?? { x: 0, y: 0 };
      const state = states?.get(step.key);
      const mark = JSON.stringify([step, position, state, chosen === step.key]);
      const before = kept.current.get(step.key);
      fresh.set(
        step.key,
        before?.mark === mark ? before : { mark, node: nodeOf(step, position, state, chosen === step.key) },
      );
    }
    kept.current = fresh;
    return [...fresh.values()].map(({ node }) => node);
  }, [graph, spots, states, chosen]);
}

function nodeOf(step: GraphNode, position: Spot, state: StepState | undefined, selected: boolean): StepNode {
  return {
    id: step.key,
    type: "step",
    position,
    data: { step, state },
    selected,
    width: WIDTH,
    height: HEIGHT,
    // Known beforehand, so that those out of sight are not drawn to be measured.
    measured: { width: WIDTH, height: HEIGHT },
    handles: [...HANDLES],
    ariaLabel: [step.name, kindName(step.kind), state && lookOf(state.state).text].filter(Boolean).join(", "),
  };
}

function edgesOf(graph: Graph, states: GraphProps["states"]): Edge[] {
  return graph.edges.map(({ id, source, target, port }) => {
    const passed = states && !["skipped", "waiting"].includes(states.get(target)?.state ?? "");
    return {
      id,
      source,
      target,
      label: port || undefined,
      className: states && !passed ? classes.untaken : classes.line,
      markerEnd: ARROW,
    };
  });
}

/** The beginning of the first column, in its middle. */
function startOf(spots: Map<string, Spot>) {
  const first = [...spots.values()].filter(({ x }) => x === 0);
  const middle = first.map(({ y }) => y).sort((one, other) => one - other)[Math.floor(first.length / 2)] ?? 0;
  return { x: 24, y: 200 - middle * 0.8, zoom: 0.8 };
}

function Step({ data: { step, state } }: NodeProps<StepNode>) {
  const look = state && lookOf(state.state);
  const Sign = look?.icon;
  return (
    <div className={classes.step} data-tone={look?.colour}>
      <Handle type="target" position={Position.Left} className={classes.handle} isConnectable={false} />
      <div className={classes.name} title={step.name}>
        {step.name}
      </div>
      <div className={classes.kind}>
        {Sign && <Sign size={13} aria-hidden />}
        <span>
          {[look?.text, state?.note, kindName(step.kind)].filter(Boolean).join(" · ")}
          {state?.seconds !== undefined && ` · ${duration(state.seconds)}`}
        </span>
      </div>
      <Handle type="source" position={Position.Right} className={classes.handle} isConnectable={false} />
    </div>
  );
}
