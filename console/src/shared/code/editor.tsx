/** A text field for code: lines, colours, search, completion, marks. It is loaded when it is first shown. */
import { Skeleton } from "@mantine/core";
import { lazy, Suspense } from "react";
import type { CodeProps } from "./types";

export type { CodeProps, Language, Mark } from "./types";

const Loaded = lazy(() => import("./codemirror"));

export function CodeEditor(props: CodeProps) {
  return (
    <Suspense fallback={<Skeleton h={props.minHeight ?? "8rem"} />}>
      <Loaded {...props} />
    </Suspense>
  );
}
