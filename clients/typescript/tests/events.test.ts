/** Server-sent events, however they are cut. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventsOf, type ServerEvent } from "../src/events.js";
import { nextOf } from "../src/pages.js";

const TEXT =
  ': hello\r\nid: 1\r\ndata: {"a": "ü"}\r\n\r\nevent: end\ndata: one\ndata: two\n\n\nevent: nothing\n\ndata:last\rid\r\r';
const EVENTS: ServerEvent[] = [
  { event: "message", data: '{"a": "ü"}', id: "1" },
  { event: "end", data: "one\ntwo", id: "1" },
  { event: "message", data: "last", id: "" },
];

async function read(text: string, size: number): Promise<ServerEvent[]> {
  const bytes = new TextEncoder().encode(text);
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
      controller.close();
    },
  });
  const found: ServerEvent[] = [];
  for await (const event of eventsOf(body)) found.push(event);
  return found;
}

for (const size of [1, 2, 3, 7, 1_000])
  test(`pieces of ${size} bytes`, async () => {
    assert.deepEqual(await read(`${TEXT}\n`, size), EVENTS);
  });

test("what is not complete is no event", async () => {
  assert.deepEqual(await read("data: half", 4), []);
});

test("the next page is asked for by the cursor, or by where the next one begins", () => {
  assert.deepEqual(nextOf({ nextCursor: "c", hasNext: true }, { limit: 2, offset: 4 }, "cursor"), {
    limit: 2,
    offset: undefined,
    cursor: "c",
  });
  assert.equal(nextOf({ nextCursor: null, hasNext: false }, {}, "cursor"), null);
  assert.equal(nextOf({ nextCursor: "c", hasMore: false }, {}, "after"), null);
  assert.deepEqual(nextOf({ hasNext: true, offset: 2, limit: 2 }, {}, "cursor"), { offset: 4 });
});
