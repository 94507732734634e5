/** The API's types, drawn once for the console and the TypeScript client: `python -m tools.typescript types`. */
export type { components, operations, paths } from "../../../clients/typescript/src/schema";
