/** The shapes of the API by the names that pages use. All are drawn from its document (schema.ts). */
import type { components, operations } from "./schema";

export type Schemas = components["schemas"];
export type Run = Schemas["RunShape"];
export type ListedRun = Schemas["ListedRunShape"];
export type LogEntry = Schemas["LogEntryShape"];
export type FoundEntry = Schemas["FoundEntryShape"];
export type LogQuery = NonNullable<operations["search_logs"]["parameters"]["query"]>;
export type Me = Schemas["MeShape"];
export type Automation = Schemas["ListedAutomationShape"];
export type Thread = Schemas["ThreadShape"];
export type Message = Schemas["MessageShape"];
export type Agent = Schemas["AgentShape"];
export type AgentRun = Schemas["AgentRunShape"];
export type Crystallized = Schemas["CrystallizedShape"];
export type Flashboard = Schemas["FlashboardShape"];
export type FlashboardDetail = Schemas["FlashboardDetailShape"];
export type FlashboardVersion = Schemas["FlashboardVersionShape"];
export type User = Schemas["UserShape"];
export type Status = Run["status"];
export type Kind = Run["kind"];
export type RunQuery = NonNullable<operations["list_runs"]["parameters"]["query"]>;
export type BulkOperation = Schemas["BulkBody"]["operation"];
