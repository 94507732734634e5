import type { CompletionSource } from "@codemirror/autocomplete";

export type Language = "yaml" | "json" | "sql" | "text";

/** Something to say about a part of the text, by positions in it. */
export type Mark = { from: number; to: number; severity: "error" | "warning"; message: string };

export type CodeProps = {
  value: string;
  /** Without it the text can only be read. */
  onChange?: (text: string) => void;
  language: Language;
  /** What the field is called, for those who don't see it. */
  label: string;
  marks?: readonly Mark[];
  /** What may be typed here. The same function each time, or the editor begins anew. */
  complete?: CompletionSource;
  /** Ctrl+Enter, or Cmd+Enter. */
  onRun?: () => void;
  /** As CSS says it. */
  minHeight?: string;
  maxHeight?: string;
  placeholder?: string;
  /** Another text: what is different from it is shown in place, and each part can be taken from either. */
  compareWith?: string;
  /** Called once with what moves the cursor to a position and shows it. */
  onReady?: (goTo: (position: number) => void) => void;
};
