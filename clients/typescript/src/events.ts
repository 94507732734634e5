/** Reads `text/event-stream`, as the standard of server-sent events says. */

export interface ServerEvent {
  event: string;
  data: string;
  id: string | undefined;
}

/** The events of a body, as they come. Comments are left out. */
export async function* eventsOf(body: ReadableStream<Uint8Array>, onBytes?: () => void): AsyncGenerator<ServerEvent> {
  let event = "";
  let id: string | undefined;
  let data: string[] = [];
  for await (const line of linesOf(body, onBytes)) {
    if (line === "") {
      if (data.length) yield { event: event || "message", data: data.join("\n"), id };
      event = "";
      data = [];
      continue;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") event = value;
    else if (field === "data") data.push(value);
    else if (field === "id" && !value.includes("\0")) id = value;
  }
}

/** A line ends at CR, LF or both, which may come in different pieces. */
async function* linesOf(body: ReadableStream<Uint8Array>, onBytes?: () => void): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onBytes?.();
      rest += decoder.decode(value, { stream: true });
      const held = rest.endsWith("\r") ? "\r" : "";
      const parts = rest.slice(0, rest.length - held.length).split(/\r\n|\r|\n/);
      rest = (parts.pop() ?? "") + held;
      yield* parts;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
