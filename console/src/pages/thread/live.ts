/** An answer while it is given: the text and the calls, from the stream of the run's log. */
import { useEffect, useState } from "react";
import { follow, gathered, type StreamState } from "~/api/stream";
import type { LogEntry } from "~/api/types";

export type Part =
  | { what: "text"; key: string; text: string }
  | { what: "call"; key: string; tool: string; runId: string | null; refused: string | null }
  | { what: "note"; key: string; text: string };

const NOTES = new Set(["answer_refused", "conversation_shortened"]);

/** The parts with one more entry of the log. An entry that comes twice changes nothing. */
export function withEntry(parts: Part[], entry: LogEntry): Part[] {
  const { data, event, message } = entry;
  if (event === "model_text") {
    const key = `text-${String(data.turn)}`;
    const offset = typeof data.offset === "number" ? data.offset : 0;
    const before = parts.find((part) => part.key === key);
    const text = `${before?.what === "text" ? before.text.slice(0, offset) : ""}${message}`;
    return put(parts, { what: "text", key, text });
  }
  if (event === "tool_called" || event === "tool_refused") {
    const runId = typeof data.run_id === "string" ? data.run_id : null;
    const refused = event === "tool_refused" ? message : null;
    const key = `call-${String(data.turn)}-${String(data.call_id)}`;
    return put(parts, { what: "call", key, tool: String(data.tool ?? ""), runId, refused });
  }
  return NOTES.has(event) ? put(parts, { what: "note", key: `note-${entry.id}`, text: message }) : parts;
}

function put(parts: Part[], part: Part): Part[] {
  const at = parts.findIndex((each) => each.key === part.key);
  return at < 0 ? [...parts, part] : parts.with(at, part);
}

/** Follows the run until its end; `ended` is called once then. */
export function useLive(runId: string, ended: () => void): { parts: Part[]; state: StreamState } {
  const [parts, setParts] = useState<Part[]>([]);
  const [state, setState] = useState<StreamState>("connecting");
  useEffect(() => {
    let last = "";
    setParts([]);
    const fresh = gathered<LogEntry>((entries) => setParts((now) => entries.reduce(withEntry, now)), 60);
    const stop = follow(
      () => `/api/v1/agents/runs/${runId}/stream${last ? `?after=${encodeURIComponent(last)}` : ""}`,
      {
        message: (entry) => {
          last = (entry as LogEntry).id;
          fresh.add(entry as LogEntry);
        },
        end: ended,
      },
      { ends: "end", onState: setState },
    );
    return () => {
      stop();
      fresh.stop();
    };
  }, [runId, ended]);
  return { parts, state };
}
