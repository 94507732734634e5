export {
  type AutomationRun,
  type Change,
  type LogEntry,
  type NewRun,
  type Reading,
  type Run,
  type Starting,
  Vai,
  type VaiOptions,
  type Waiting,
} from "./client.js";
export { type Fault, Problem, UnexpectedAnswer, Unreachable, VaiError } from "./errors.js";
export { Following } from "./following.js";
export type { ItemOf, ListPath, PageOf, PlacesOf, QueryOf } from "./pages.js";
export type { components, operations, paths } from "./schema.js";
export { RETRIES, type Retries } from "./send.js";
