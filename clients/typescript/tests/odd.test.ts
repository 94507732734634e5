/** Answers that no gateway of this version gives: a proxy's, a newer platform's, slow ones, broken ones. */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { Problem, UnexpectedAnswer, Unreachable, Vai, VaiError } from "../src/index.js";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
let answer: Answer = (_request, response) => response.end();
let server: Server;
let url = "";
let seen: string[] = [];

const json = (response: ServerResponse, body: unknown, status = 200) => {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify(body));
};
const events = (response: ServerResponse, text: string) => {
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  response.write(text);
};
const failed = (promise: Promise<unknown>) =>
  promise.then(
    () => assert.fail("it should have failed"),
    (error: unknown) => error,
  );
const vai = (more: object = {}) =>
  new Vai({ url, key: "vai_k", retries: { firstDelay: 1, longestDelay: 20 }, ...more });

before(async () => {
  server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});

describe("what is given", () => {
  test("an address that is none is told before anything is sent", () => {
    for (const wrong of ["vai.example.com", "", "ftp://a.example", "https://u:p@a.example", "https://a.example?x=1"])
      assert.throws(() => new Vai({ url: wrong }), VaiError, wrong);
  });

  test("a key from a file with a line break works; one that is none is never in the words", async () => {
    answer = (request, response) => json(response, { key: request.headers.authorization });
    const me = await vai({ key: "vai_k\n" }).ask(vai({ key: "vai_k\n" }).api.GET("/api/v1/me"));
    assert.equal((me as unknown as { key: string }).key, "Bearer vai_k");
    for (const wrong of ["vai_se\ncret", "vai_secrét", "vai_sec ret"])
      assert.throws(
        () => new Vai({ url, key: wrong }),
        (error: Error) => error instanceof VaiError && !error.message.includes("vai_s"),
      );
  });

  test("a path of the address stays before every other", async () => {
    seen = [];
    answer = (request, response) =>
      request.url?.endsWith("/stream") ? events(response, "event: end\ndata: completed\n\n") : json(response, {});
    const below = vai({ url: `${url}/tools/vai/` });
    await below.ask(below.api.GET("/api/v1/me"));
    for await (const _ of below.logs("r1"));
    assert.deepEqual(seen, ["GET /tools/vai/api/v1/me", "GET /tools/vai/api/v1/action-runs/r1/logs/stream"]);
  });
});

describe("answers of others", () => {
  test("a page of HTML is no answer", async () => {
    answer = (_request, response) => {
      response.writeHead(200, { "Content-Type": "text/html" });
      response.end("<h1>Sign in</h1>");
    };
    assert.ok((await failed(vai().ask(vai().api.GET("/api/v1/me")))) instanceof UnexpectedAnswer);
  });

  test("errors of a proxy are problems, whatever they look like", async () => {
    for (const [body, said] of [
      ['{"detail": "no upstream"}', "no upstream"],
      ['{"detail": ["a", {"msg": "b"}]}', "a; b"],
      ["null", "Bad Gateway"],
      ["<h1>502</h1>", "Bad Gateway"],
      ["", "Bad Gateway"],
    ] as const) {
      answer = (_request, response) => {
        response.writeHead(502, { "Content-Type": body.startsWith("<") ? "text/html" : "application/json" });
        response.end(body);
      };
      const error = await failed(vai().ask(vai().api.GET("/api/v1/me")));
      assert.ok(error instanceof Problem, `${body}: ${error}`);
      assert.deepEqual([error.status, error.message, error.type], [502, said, "http_error"]);
    }
  });

  test("Retry-After may be a date", async () => {
    answer = (_request, response) => {
      response.setHeader("Retry-After", new Date(Date.now() + 90_000).toUTCString());
      json(response, { detail: [] }, 503);
    };
    const error = await failed(vai().ask(vai().api.GET("/api/v1/me")));
    assert.ok(error instanceof Problem && (error.retryAfter ?? 0) > 80 && (error.retryAfter ?? 0) <= 90, String(error));
  });
});

test("no digit of a whole number is lost, and no text is changed", async () => {
  const body = `{"a": 9007199254740993, "b": [-9223372036854775808, 18446744073709551615], "c": 9007199254740991,
    "d": "\\"12345678901234567890\\" 1", "e": 1234567890123456.5, "f": 1e300, "12345678901234567890": 0.1234567890123456}`;
  answer = (_request, response) => {
    response.writeHead(200, { "Content-Type": "application/json" });
    response.end(body);
  };
  assert.deepEqual(await vai().ask(vai().api.GET("/api/v1/me")), {
    a: "9007199254740993",
    b: ["-9223372036854775808", "18446744073709551615"],
    c: 9007199254740991,
    d: '"12345678901234567890" 1',
    e: 1234567890123456.5,
    f: 1e300,
    "12345678901234567890": 0.1234567890123456,
  });
});

describe("a newer platform", () => {
  test("a status that is not known has ended when the run has", async () => {
    answer = (_request, response) =>
      json(response, { id: "r1", status: "evaporated", completedAt: "2030-01-01T00:00:00Z" });
    assert.equal((await vai().wait("r1")).status as string, "evaporated");
  });

  test("an event that is not known is no change", async () => {
    answer = (_request, response) =>
      events(response, 'event: news\ndata: {}\n\nevent: ready\ndata: {}\n\nevent: gone\ndata: {"id": "r1"}\n\n');
    const told: string[] = [];
    for await (const change of vai().changes()) if (told.push(change.event) === 2) break;
    assert.deepEqual(told, ["ready", "gone"]);
  });
});

describe("time", () => {
  test("an answer that does not come is not waited for four times", async () => {
    seen = [];
    answer = () => undefined;
    const error = await failed(vai({ timeout: 50 }).ask(vai({ timeout: 50 }).api.GET("/api/v1/me")));
    assert.ok(error instanceof Unreachable, String(error));
    assert.match(error.message, /no answer within 0.05 s/);
    assert.equal(seen.length, 1);
  });

  test("a file may take longer than an answer", async () => {
    answer = (_request, response) => {
      response.writeHead(200, { "Content-Type": "text/csv" });
      response.write("a\n");
      setTimeout(() => response.end("1\n"), 300);
    };
    const client = vai({ timeout: 100 });
    const file = await client.ask(
      client.api.GET("/api/v1/datasets/{dataset}/download", {
        params: { path: { dataset: "silver.a" } },
        parseAs: "text",
      }),
    );
    assert.equal(file, "a\n1\n");
  });

  test("a list is left by its signal, also while a page is on its way", async () => {
    answer = (request, response) => {
      if (!request.url?.includes("cursor")) json(response, { runs: [{ id: "1" }], nextCursor: "c", hasNext: true });
    };
    const stop = new AbortController();
    const reading = (async () => {
      for await (const _ of vai().items("/api/v1/action-runs", {}, undefined, stop.signal))
        setTimeout(() => stop.abort(new Error("enough")), 20);
    })();
    assert.match(String(await failed(reading)), /enough/);
  });

  test("a page that says nothing of its size ends the list", async () => {
    seen = [];
    answer = (_request, response) => json(response, { actions: [], hasNext: true });
    for await (const _ of vai().items("/api/v1/actions")) assert.fail("there is none");
    assert.equal(seen.length, 1);
  });
});

test("10,000 runs come once each, page by page", async () => {
  answer = (request, response) => {
    const first = Number(new URL(request.url ?? "", url).searchParams.get("cursor") ?? 0);
    const runs = Array.from({ length: 100 }, (_, number) => ({ id: String(first + number) }));
    const more = first + 100 < 10_000;
    json(response, { runs, limit: 100, offset: 0, hasNext: more, nextCursor: more ? String(first + 100) : null });
  };
  const ids = new Set<string>();
  let rows = 0;
  for await (const run of vai().items("/api/v1/action-runs", { limit: 100 })) {
    rows += 1;
    ids.add(run.id);
  }
  assert.deepEqual([rows, ids.size], [10_000, 10_000]);
});
