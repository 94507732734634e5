import type { Schemas } from "~/api/types";

export type System = Schemas["SystemShape"];
export type Process = System["processes"][number];
export type Loss = System["losses"][number];
