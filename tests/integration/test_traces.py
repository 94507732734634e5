"""A trace begins with the caller and goes through the run to the events and their consumers, as a collector sees it."""

import json
import secrets
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx2

from tests.integration.automations import AUTOMATIONS, ended, saved, step
from tests.integration.listening import listening
from tests.integration.runs import RUNS, sample
from vai_devstack.stack import Stack
from vai_testkit.servers.otlp import Collector, Kept
from vai_testkit.servers.web import Reply, WebServer
from vai_testkit.stack import create_run, run_when
from vai_testkit.wait import wait_for

_ME = "00f067aa0ba902b7"


def _caller(*, kept: bool = True) -> tuple[str, dict[str, str]]:
    """A trace that nobody else has, and the header that continues it."""
    trace_id = secrets.token_hex(16)
    return trace_id, {"traceparent": f"00-{trace_id}-{_ME}-0{int(kept)}"}


class _Trace:
    """What the collector has of one trace."""

    def __init__(self, collector: Collector, trace_id: str) -> None:
        self._collector = collector
        self.id = trace_id

    @property
    def spans(self) -> list[Kept]:
        return self._collector.traces().get(self.id, [])

    def named(self, name: str) -> list[Kept]:
        return [one for one in self.spans if one.name == name]

    async def until(self, *names: str, times: int = 1) -> None:
        """Each process sends its spans when it likes: until these are here, and the parents of all that are."""

        def is_whole() -> bool:
            ids = {_ME, *(one.id for one in self.spans)}
            return all(len(self.named(name)) >= times for name in names) and all(
                one.parent in ids for one in self.spans
            )

        await wait_for(is_whole, 30, what=f"{times} times {names} in trace {self.id}, with all parents")

    def way(self, one: Kept) -> list[str]:
        """The names from the request to a span. Raises KeyError where the chain of parents is broken."""
        by_id, names = {kept.id: kept for kept in self.spans}, [one.name]
        while one.parent != _ME:
            one = by_id[one.parent]
            names.insert(0, one.name)
        return names


async def test_an_extraction_is_one_trace_from_its_post_to_the_consumer(
    stack: Stack, api: httpx2.AsyncClient, collector: Collector
) -> None:
    trace_id, headers = _caller()
    body = {"kind": "dlt_extract", "definition": sample(20, source_name="traced")}
    run = (await api.post(RUNS, json=body, headers={**headers, "Prefer": "respond-async"})).json()
    assert (await run_when(api, run["id"]))["status"] == "completed"
    async with listening(stack.kafka, "action.completed") as listener:
        await listener.until(lambda heard: heard.of(run["id"]))
        (_, carried, _), *_ = listener.of(run["id"])
    trace = _Trace(collector, trace_id)
    await trace.until("finish", "send action.completed", "run dlt_extract", "POST /api/v1/action-runs")
    post, bell = "POST /api/v1/action-runs", "ring run.ready.dlt_extract"
    ways = {one.name: trace.way(one) for one in trace.spans}
    assert ways[bell] == [post, bell]
    assert ways["claim dlt_extract"] == [post, "claim dlt_extract"]
    assert ways["work dlt_extract"] == [post, "run dlt_extract", "child", "work dlt_extract"]
    assert ways["answer commit_slice"] == [post, "run dlt_extract", "child", "answer commit_slice"]
    assert ways["finish"] == [post, "run dlt_extract", "finish"]
    assert ways["send action.completed"] == [post, "run dlt_extract", "send action.completed"]
    performed = trace.named("run dlt_extract")[-1]
    assert carried["traceparent"] == f"00-{trace_id}-{performed.id}-01", "who consumes the event goes on from the run"
    _assert_they_say_what_they_are({one.name: one for one in trace.spans}, run)


def _assert_they_say_what_they_are(spans: dict[str, Kept], run: dict[str, Any]) -> None:
    posted = spans["POST /api/v1/action-runs"]
    assert (posted.service, posted.kind) == ("api-gateway", "server")
    assert posted.attributes == {
        "http.request.method": "POST",
        "http.route": "/api/v1/action-runs",
        "http.response.status_code": 201,
        "url.scheme": "http",
        "url.path": "/api/v1/action-runs",
    }
    rung = spans["ring run.ready.dlt_extract"]
    assert (rung.service, rung.kind) == ("api-gateway", "producer")
    assert rung.attributes["messaging.destination.name"] == "run.ready.dlt_extract"
    performed = spans["run dlt_extract"]
    assert (performed.service, performed.kind) == ("extract-worker", "consumer")
    assert performed.attributes["vai.run.id"] == run["id"]
    assert performed.attributes["vai.run.attempt"] == 1
    assert performed.resource["service.namespace"] == "vai"
    sent = spans["send action.completed"]
    assert sent.attributes["messaging.system"] == "kafka"
    assert sent.attributes["messaging.message.id"].startswith(run["id"])
    assert not [one.name for one in spans.values() if one.has_failed]


async def test_the_steps_of_an_automation_are_one_trace(api: httpx2.AsyncClient, collector: Collector) -> None:
    noop = {"kind": "dlt_extract", "definition": {"source": "noop"}}
    automation = await saved(api, step("first", **noop), step("second", "first", **noop))
    trace_id, headers = _caller()
    started = await api.post(f"{AUTOMATIONS}/{automation['id']}/trigger", json={}, headers=headers)
    run_id = started.json()["runId"]
    over = await ended(api, run_id)
    assert over["status"] == "completed"
    trace = _Trace(collector, trace_id)
    await trace.until("run dlt_extract", "look at automation run", times=2)
    runs = {one.attributes["vai.run.id"]: one for one in trace.named("run dlt_extract")}
    first, second = (runs[one["runId"]] for one in over["steps"])
    post, look = f"POST {AUTOMATIONS}/{{automation_id}}/trigger", "look at automation run"
    assert trace.way(first) == trace.way(second) == [post, look, "run dlt_extract"]
    assert first.parent != second.parent, "each look starts what follows"
    assert {one.attributes["vai.automation_run.id"] for one in trace.named(look)} == {run_id}


async def test_each_attempt_of_a_retried_run_is_a_span_of_its_trace(
    api: httpx2.AsyncClient, collector: Collector, web: WebServer
) -> None:
    left = iter(range(1))
    web.replies["/once"] = lambda _: Reply(status=503) if next(left, None) is not None else Reply(body=b"ok")
    definition = {"url": f"{web.url}/once", "retry": {"initial_interval_seconds": 0.1, "max_interval_seconds": 0.2}}
    trace_id, headers = _caller()
    body = {"kind": "http_request", "definition": definition}
    run = (await api.post(RUNS, json=body, headers={**headers, "Prefer": "respond-async"})).json()
    assert (await run_when(api, run["id"]))["retryCount"] == 1
    trace = _Trace(collector, trace_id)
    await trace.until("run http_request", times=2)
    attempts = trace.named("run http_request")
    assert [one.attributes["vai.run.attempt"] for one in attempts] == [1, 2]
    assert [one.has_failed for one in attempts] == [True, False]
    assert attempts[0].attributes["error.type"] == "CONNECTION_ERROR"
    assert {seen.headers["traceparent"].split("-")[2] for seen in web.seen} == {one.id for one in attempts}


async def test_the_callers_trace_is_the_runs_and_its_events_also_where_it_is_not_kept(
    stack: Stack, api: httpx2.AsyncClient, database: Any, web: WebServer, collector: Collector
) -> None:
    trace_id, headers = _caller(kept=False)
    body = {"kind": "http_request", "definition": {"url": f"{web.url}/traced"}}
    run_id = (await api.post(RUNS, json=body, headers=headers)).json()["id"]
    stored = await database.fetchval("SELECT traceparent FROM runs WHERE id = $1", UUID(run_id))
    assert (stored or "").split("-")[1:2] == [trace_id]
    assert web.seen[0].headers["traceparent"].split("-")[1] == trace_id
    async with listening(stack.kafka, "action.started", "action.completed") as listener:
        await listener.until(lambda heard: len(heard.of(run_id)) >= 2)
        assert {headers["traceparent"].split("-")[1] for _, headers, _ in listener.of(run_id)} == {trace_id}
    assert trace_id not in collector.traces()


async def test_a_traceparent_that_is_none_changes_nothing(
    api: httpx2.AsyncClient, database: Any, web: WebServer
) -> None:
    body = {"kind": "http_request", "definition": {"url": f"{web.url}/untraced"}}
    answer = await api.post(RUNS, json=body, headers={"traceparent": "nonsense"})
    assert (answer.status_code, answer.json()["status"]) == (201, "completed")
    stored = await database.fetchval("SELECT traceparent FROM runs WHERE id = $1", UUID(answer.json()["id"]))
    assert stored is None or len(stored) == 55


async def test_each_line_about_a_run_says_which_run_organisation_and_trace(
    stack: Stack, api: httpx2.AsyncClient, web: WebServer
) -> None:
    web.replies["/down"] = Reply(status=500)
    trace_id, headers = _caller()
    definition: dict[str, Any] = {"url": f"{web.url}/down", "retry": {"max_attempts": 1}}
    body = {"kind": "http_request", "definition": definition}
    run = (await api.post(RUNS, json=body, headers=headers)).json()
    unkept = await create_run(api, "http_request", definition)
    await run_when(api, unkept["id"])

    def lines() -> list[dict[str, Any]]:
        texts = [line for instance in stack.instances for line in instance.log.read_text().splitlines()]
        return [json.loads(line) for line in texts if line.startswith("{") and "run_id" in line]

    def told(event: str, run_id: str) -> Callable[[], bool]:
        return lambda: any(line["event"] == event and line["run_id"] == run_id for line in lines())

    await wait_for(told("run_failed", run["id"]), 10, what="the failure is a line")
    await wait_for(told("run_failed", unkept["id"]), 10, what="of a run whose trace is not kept, too")
    for line in lines():
        assert {"run_id", "organisation_id", "service"} <= set(line), line
        assert "trace_id" in line or line["run_id"] not in (run["id"], unkept["id"]), line
    (failed,) = [line for line in lines() if line["run_id"] == run["id"] and line["event"] == "run_failed"]
    assert failed["trace_id"] == trace_id
    assert failed["organisation_id"] == stack.org_id
    assert (failed["service"], failed["kind"], failed["code"]) == ("agent-worker", "http_request", "CONNECTION_ERROR")


async def test_a_duration_that_was_measured_names_a_trace_that_is_kept(
    stack: Stack, api: httpx2.AsyncClient, collector: Collector
) -> None:
    trace_id, headers = _caller()
    body = {"kind": "dlt_extract", "definition": {"source": "noop"}}
    run = (await api.post(RUNS, json=body, headers={**headers, "Prefer": "wait=20"})).json()
    assert run["status"] == "completed"
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    texts: dict[str, list[str]] = {}
    async with httpx2.AsyncClient(headers=accept) as client:
        for instance in stack.instances:
            answer = await client.get(instance.metrics)
            texts.setdefault(instance.service.name, []).append(answer.text)
            assert answer.headers["content-type"].startswith("application/openmetrics-text")
    (posted,) = _exemplars(texts["api-gateway"], "vai_http_request_seconds_bucket", trace_id)
    assert '"/api/v1/action-runs"' in posted
    (performed,) = _exemplars(texts["extract-worker"], "vai_run_duration_seconds_bucket", trace_id)
    assert '"dlt_extract"' in performed
    trace = _Trace(collector, trace_id)
    await trace.until("run dlt_extract")
    assert trace.named("run dlt_extract")[0].id in performed


def _exemplars(pages: list[str], metric: str, trace_id: str) -> list[str]:
    lines = [line for page in pages for line in page.splitlines()]
    return [line for line in lines if line.startswith(metric) and f'trace_id="{trace_id}"' in line]
