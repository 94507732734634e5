/** The steps of an automation as a graph. What draws them is a file of its own. */
import { Skeleton } from "@mantine/core";
import { lazy, Suspense } from "react";
import type { Graph } from "./steps";

export type StepState = { state: string; seconds?: number; note?: string };

export type GraphProps = {
  graph: Graph;
  /** What became of each step; without it, no run is shown. */
  states?: Map<string, StepState>;
  chosen?: string;
  choose?: (key: string | undefined) => void;
  /** As CSS says it. */
  height?: string;
  label: string;
};

/** It comes while the page asks for what it draws. */
const flow = import("./flow");
flow.catch(() => undefined);
const Loaded = lazy(() => flow);

export function StepGraph(props: GraphProps) {
  return (
    <Suspense fallback={<Skeleton h={props.height ?? "28rem"} />}>
      <Loaded {...props} />
    </Suspense>
  );
}
