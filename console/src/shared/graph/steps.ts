/** The steps of an automation as a graph, from what the API answers or from what somebody is typing. */

export type GraphNode = {
  key: string;
  name: string;
  kind: string;
  /** Where the step stands in the list. */
  index: number;
};
export type GraphEdge = { id: string; source: string; target: string; port: string };
export type Graph = { nodes: GraphNode[]; edges: GraphEdge[] };

type Loose = Record<string, unknown>;

/** Most steps that are drawn: more than an automation may have is only met while somebody types. */
const MOST = 1_000;

/** Reads `steps` (or `actions`, which follow one another where none says what it waits for); passes over what is no step. */
export function graphOf(body: unknown): Graph {
  const whole = objectOf(body);
  const list = Array.isArray(whole.steps) ? whole.steps : Array.isArray(whole.actions) ? whole.actions : [];
  const steps = list.slice(0, MOST).map(objectOf);
  const keys = keysOf(steps);
  const nodes = steps.map((step, index) => {
    const key = keys[index] as string;
    return { key, name: textOf(step.name) || key, kind: kindOf(step), index };
  });
  const chained = !Array.isArray(whole.steps) && !steps.some((step) => waitsFor(step).length);
  const known = new Set(keys);
  const edges = new Map<string, GraphEdge>();
  for (const [index, step] of steps.entries()) {
    const target = keys[index] as string;
    const waited = chained && index ? [{ step: keys[index - 1] as string, port: "" }] : waitsFor(step);
    const condition = textOf(objectOf(step.condition).type) || textOf(step.condition);
    for (const each of waited) {
      if (!known.has(each.step) || each.step === target) continue;
      const id = `${each.step}>${target}`;
      const before = edges.get(id);
      const port = each.port || (condition && condition !== "on_success" ? condition.replace("_", " ") : "");
      const both =
        before?.port && port && before.port !== port ? `${before.port}, ${port}` : port || before?.port || "";
      edges.set(id, { id, source: each.step, target, port: both });
    }
  }
  return { nodes, edges: [...edges.values()] };
}

function kindOf(step: Loose): string {
  const action = objectOf(step.action);
  return textOf(action.kind) || textOf(step.kind) || (action.action_id || step.action_id ? "saved action" : "");
}

function waitsFor(step: Loose): { step: string; port: string }[] {
  const list = Array.isArray(step.depends_on) ? step.depends_on : [];
  return list.flatMap((each) => {
    if (typeof each === "string") return [{ step: each, port: "" }];
    const { step: name, port } = objectOf(each);
    return typeof name === "string" ? [{ step: name, port: textOf(port) }] : [];
  });
}

/** As the API makes keys where none are given: of the kind, with a number from the second on. */
function keysOf(steps: Loose[]): string[] {
  const taken = new Set(steps.map((step) => textOf(step.key)).filter(Boolean));
  const seen = new Set<string>();
  return steps.map((step) => {
    const base = textOf(step.key) || kindOf(step).replace(" ", "_") || "step";
    let key = base;
    const given = textOf(step.key) !== "";
    for (let number = 2; seen.has(key) || (!given && taken.has(key)); number += 1) key = `${base}_${number}`;
    seen.add(key);
    return key;
  });
}

const objectOf = (value: unknown): Loose => (typeof value === "object" && value !== null ? (value as Loose) : {});
const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
