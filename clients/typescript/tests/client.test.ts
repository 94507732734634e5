/** The client on a real stack: VAI_API_URL and VAI_API_KEY say where it is. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { Problem, UnexpectedAnswer, Unreachable, Vai } from "../src/index.js";
import { type BreakingProxy, proxyTo } from "./proxy.js";

const url = process.env.VAI_API_URL ?? "";
const key = process.env.VAI_API_KEY ?? "";
const vai = new Vai({ url, key });
const SAMPLE = { kind: "dlt_extract", definition: { source: "sample", resources: ["orders"] } } as const;
const NOOP = { kind: "dlt_extract", definition: { source: "noop" } } as const;

const named = (what: string) => `${what}-${process.pid}-${Date.now()}`;
const failed = (promise: Promise<unknown>) =>
  promise.then(
    () => assert.fail("it should have failed"),
    (error: unknown) => error,
  );

describe("runs", () => {
  test("a run is started, followed and waited for", async () => {
    const run = await vai.start(SAMPLE);
    const events: string[] = [];
    const log = vai.logs(run.id);
    for await (const entry of log) events.push(entry.event);
    assert.equal(log.finalStatus, "completed");
    assert.equal(events[0], "lease_acquired");
    assert.equal(events.at(-1), "run_completed");
    const ended = await vai.wait(run.id);
    assert.equal(ended.status, "completed");
    assert.equal((ended.result as { recordsProcessed: number }).recordsProcessed, 1_000);
  });

  test("a run that fails is an answer with its error", async () => {
    const run = await vai.run({
      kind: "dlt_extract",
      definition: { source: "filesystem", resources: [{ name: "none", path: "none.csv" }], retry: { max_attempts: 1 } },
    });
    assert.equal(run.status, "failed");
    assert.equal((run.error as { code: string }).code, "DATA_ERROR");
  });

  test("the same key starts nothing twice", async () => {
    const idempotencyKey = named("once");
    const [one, two] = await Promise.all([vai.start(NOOP, { idempotencyKey }), vai.start(NOOP, { idempotencyKey })]);
    assert.equal(one.id, two.id);
  });

  test("a wait ends with its time, or with its signal", async () => {
    const gate = await vai.start({ kind: "approval_gate", definition: { title: "Wait?" } });
    assert.equal((await vai.wait(gate.id, { timeout: 600 })).status, "awaiting_approval");
    const stop = new AbortController();
    const waiting = failed(vai.wait(gate.id, { signal: stop.signal }));
    stop.abort(new Error("enough"));
    assert.match(String(await waiting), /enough/);
    await vai.ask(vai.api.POST("/api/v1/action-runs/{run_id}/reject", { params: { path: { run_id: gate.id } } }));
    assert.equal((await vai.wait(gate.id)).status, "rejected");
  });

  test("an automation run is followed step by step", async () => {
    const automation = await vai.ask(
      vai.api.POST("/api/v1/automations", {
        body: {
          name: named("chain"),
          trigger: { type: "manual" },
          steps: [
            { key: "first", action: NOOP },
            { key: "second", action: NOOP, depends_on: ["first"] },
          ],
        },
      }),
    );
    const started = await vai.ask(
      vai.api.POST("/api/v1/automations/{automation_id}/trigger", {
        params: { path: { automation_id: automation.id } },
      }),
    );
    const steps: string[] = [];
    const following = vai.steps(started.runId);
    for await (const entry of following) steps.push(entry.event);
    assert.equal(following.finalStatus, "completed");
    assert.equal(steps.filter((each) => each === "step_completed").length, 2);
    assert.equal((await vai.waitForAutomation(started.runId)).status, "completed");
  });
});

describe("lists", () => {
  test("all pages come, each row once", async () => {
    const label = named("page").toLowerCase();
    const made = await Promise.all(Array.from({ length: 7 }, () => vai.start({ ...NOOP, labels: { set: label } })));
    const ids: string[] = [];
    for await (const run of vai.items("/api/v1/action-runs", { limit: 3, label: [`set=${label}`] })) ids.push(run.id);
    assert.deepEqual(ids.toSorted(), made.map((run) => run.id).toSorted());
  });

  test("a log is read page by page", async () => {
    const run = await vai.run(SAMPLE);
    const entries: string[] = [];
    let pages = 0;
    for await (const page of vai.pages("/api/v1/action-runs/{run_id}/logs", { limit: 2 }, { run_id: run.id })) {
      pages += 1;
      entries.push(...page.entries.map((entry) => entry.id));
    }
    assert.ok(pages >= 3);
    assert.equal(new Set(entries).size, entries.length);
  });

  test("a list without a cursor has pages, too", async () => {
    for (const number of [1, 2, 3])
      await vai.ask(vai.api.POST("/api/v1/actions", { body: { ...NOOP, name: named(`listed ${number}`) } }));
    const slugs: string[] = [];
    for await (const action of vai.items("/api/v1/actions", { limit: 2 })) slugs.push(action.slug);
    assert.ok(slugs.length >= 3);
    assert.equal(new Set(slugs).size, slugs.length);
  });
});

describe("errors", () => {
  test("the API's own words, with their place", async () => {
    const error = await failed(vai.start({ kind: "dlt_extract", definition: { source: "smaple" } }));
    assert.ok(error instanceof Problem);
    assert.deepEqual([error.status, error.type], [422, "unknown_source"]);
    assert.match(error.message, /body\.definition\.source: There is no source smaple/);
    assert.ok(error.requestId);
  });

  test("a wrong key, and somebody else's", async () => {
    const error = await failed(new Vai({ url, key: "vai_wrong" }).start(NOOP));
    assert.ok(error instanceof Problem && error.status === 401);
    const log = await failed(
      (async () => {
        for await (const _ of new Vai({ url, key: "vai_wrong" }).logs("01920000-0000-7000-8000-000000000000"));
      })(),
    );
    assert.ok(log instanceof Problem && log.status === 401);
  });

  test("a log of nothing, and an id that tries to be a path", async () => {
    for (const id of ["01920000-0000-7000-8000-000000000000", "../actions", "a/b?c#d"]) {
      const error = await failed(vai.logs(id)[Symbol.asyncIterator]().next());
      assert.ok(error instanceof Problem && [404, 422].includes(error.status), String(error));
    }
  });

  test("nobody there", async () => {
    const away = new Vai({ url: "http://127.0.0.1:9", key, retries: { attempts: 2, firstDelay: 1 } });
    assert.ok((await failed(away.start(NOOP))) instanceof Unreachable);
    assert.ok((await failed(away.ask(away.api.GET("/api/v1/me")))) instanceof Unreachable);
  });
});

describe("a network that breaks", () => {
  let proxy: BreakingProxy;
  let through: Vai;
  before(async () => {
    proxy = await proxyTo(url);
    through = new Vai({ url: proxy.url, key, retries: { firstDelay: 20 } });
  });
  afterEach(() => {
    proxy.before = () => false;
    proxy.passes = () => null;
    proxy.seen.length = 0;
    proxy.headers.length = 0;
  });
  after(() => proxy.close());

  test("a read is sent again, and so is what has a key; what has none is not", async () => {
    let left = 2;
    proxy.before = (request) => {
      if (left <= 0) return false;
      left -= 1;
      request.socket.destroy();
      return true;
    };
    assert.ok((await through.ask(through.api.GET("/api/v1/me"))).organisationId);
    assert.equal(proxy.seen.length, 3);
    left = 2;
    const run = await through.start(NOOP, { idempotencyKey: named("broken") });
    assert.ok(run.id);
    left = 1;
    proxy.seen.length = 0;
    assert.ok((await failed(through.start(NOOP))) instanceof Unreachable);
    assert.equal(proxy.seen.length, 1);
  });

  test("an answer that was lost starts nothing twice", async () => {
    let lost = 0;
    proxy.passes = (request) => (request.method === "POST" && lost++ === 0 ? 0 : null);
    const idempotencyKey = named("lost");
    const run = await through.start(NOOP, { idempotencyKey });
    assert.equal(proxy.seen.length, 2);
    assert.equal((await vai.start(NOOP, { idempotencyKey })).id, run.id);
  });

  test("503 with Retry-After waits so long; without one it is told", async () => {
    let left = 1;
    const busy = (after: string | null) => {
      proxy.before = (_request, response) => {
        if (left-- <= 0) return false;
        response.writeHead(503, { ...(after ? { "Retry-After": after } : {}), "Content-Type": "application/json" });
        response.end('{"detail": [{"loc": [], "msg": "later", "type": "unavailable"}]}');
        return true;
      };
    };
    busy("0");
    assert.ok(await through.ask(through.api.GET("/api/v1/me")));
    left = 1;
    busy(null);
    const error = await failed(through.ask(through.api.GET("/api/v1/me")));
    assert.ok(error instanceof Problem && error.type === "unavailable");
  });

  test("a redirect is not followed: the key stays", async () => {
    proxy.before = (_request, response) => {
      response.writeHead(307, { Location: "http://127.0.0.1:9/elsewhere" });
      response.end();
      return true;
    };
    assert.ok((await failed(through.ask(through.api.GET("/api/v1/me")))) instanceof UnexpectedAnswer);
    assert.ok((await failed(through.logs("x")[Symbol.asyncIterator]().next())) instanceof UnexpectedAnswer);
    assert.equal(proxy.seen.length, 2);
  });

  test("a log whose connection breaks goes on without a gap or a repeat", async () => {
    const run = await vai.run({ kind: "dlt_extract", definition: { source: "sample" } });
    const whole: string[] = [];
    for await (const entry of vai.logs(run.id)) whole.push(entry.id);
    let connections = 0;
    proxy.passes = (request) => (request.url?.includes("/stream") && ++connections < 4 ? 700 : null);
    const parts: string[] = [];
    const log = through.logs(run.id);
    for await (const entry of log) parts.push(entry.id);
    assert.deepEqual(parts, whole);
    assert.equal(log.finalStatus, "completed");
    assert.ok(connections >= 4, `${connections} connections`);
    assert.ok(proxy.headers.some((each) => each["last-event-id"] !== undefined));
    const after = [];
    for await (const entry of vai.logs(run.id, { after: whole[2] ?? "" })) after.push(entry.id);
    assert.deepEqual(after, whole.slice(3));
  });

  test("changes of all runs are told, and told again to begin with after a break", async () => {
    const stop = new AbortController();
    const seen: string[] = [];
    let started: { id: string } | undefined;
    let breaks = 1;
    for await (const change of through.changes({ kind: ["dlt_extract"] }, stop.signal)) {
      seen.push(change.event);
      if (change.event === "ready" && breaks > 0) {
        breaks -= 1;
        proxy.seen.length = 0;
        started = await vai.start(NOOP);
      } else if (change.event === "run" && change.run.id === started?.id && change.run.status === "completed") break;
    }
    assert.equal(seen[0], "ready");
    assert.ok(seen.includes("run"));
    const quiet = failed(
      (async () => {
        for await (const _ of through.changes({}, stop.signal)) stop.abort(new Error("enough"));
      })(),
    );
    assert.match(String(await quiet), /enough/);
  });
});
