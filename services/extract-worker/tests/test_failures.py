"""What a source can do wrong, and the error that a run ends with (decision 25)."""

import ast
import gzip
import re
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from vai_common.clock import steady_seconds
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_extract_worker import extract
from vai_extract_worker.rest import http_session
from vai_testkit.servers.json_api import Ask, FakeApi, Say


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_session, "_WAITS", (0.001, 0.001))


def failure(bench: Any, url: str, patience: float = 30, **fields: Any) -> RunError:
    with pytest.raises(RunError) as raised:
        bench.extract("rest_api", base_url=url, resources=[{"name": "items"} | fields], read_timeout_seconds=patience)
    return raised.value


@pytest.mark.parametrize(
    ("say", "code", "kind", "advice"),
    [
        (Say({"no": 1}, 401), ErrorCode.AUTH_ERROR, Permanent, "credentials"),
        (Say({"no": 1}, 403), ErrorCode.AUTH_ERROR, Permanent, "credentials"),
        (Say({"no": 1}, 404), ErrorCode.CONNECTION_ERROR, Permanent, "path"),
        (Say({"no": 1}, 422), ErrorCode.DATA_ERROR, Permanent, "params"),
        (Say({"no": 1}, 429, {"Retry-After": "70"}), ErrorCode.RATE_LIMITED, Retryable, "slows a source down"),
        (Say({"no": 1}, 403, {"Retry-After": "70"}), ErrorCode.RATE_LIMITED, Retryable, "slows a source down"),
        (Say({"no": 1}, 403, {"X-RateLimit-Remaining": "0"}), ErrorCode.RATE_LIMITED, Retryable, "too many"),
        (Say({"no": 1}, 403, {"X-RateLimit-Remaining": "7"}), ErrorCode.AUTH_ERROR, Permanent, "credentials"),
        (Say({"no": 1}, 500), ErrorCode.CONNECTION_ERROR, Retryable, "ask its operator"),
        (Say({"status": "pending"}, 202), ErrorCode.CONNECTION_ERROR, Retryable, "not ready yet"),
        (Say({"no": 1}, 304), ErrorCode.DATA_ERROR, Permanent, "no data"),
        (Say({"status": "pending"}, 202), ErrorCode.CONNECTION_ERROR, Retryable, "not ready"),
        (Say(raw=b"<html>\x00\xff it works </html>"), ErrorCode.DATA_ERROR, Permanent, "answers JSON"),
        (Say(raw=b""), ErrorCode.DATA_ERROR, Permanent, "answers JSON"),
        (Say(raw=b"[" * 100_000), ErrorCode.DATA_ERROR, Permanent, "answers JSON"),
        (Say(raw=b"junk", headers={"Content-Encoding": "gzip"}), ErrorCode.DATA_ERROR, Permanent, "answers JSON"),
        (Say(hang=True), ErrorCode.CONNECTION_ERROR, Retryable, "read_timeout_seconds"),
        (Say(status=302, body={}, headers={"Location": "/items"}), ErrorCode.CONNECTION_ERROR, Permanent, "redirects"),
        (
            Say(raw=b"[]", headers={"Content-Length": "99"}),
            ErrorCode.CONNECTION_ERROR,
            Retryable,
            "check that the source is up",
        ),
    ],
)
def test_each_fault_of_a_source_has_its_code_and_says_what_to_do(
    bench: Any, api: FakeApi, say: Say, code: ErrorCode, kind: type[RunError], advice: str
) -> None:
    if say.headers.get("Content-Length") == "99":
        say.headers["Connection"] = "close"
    api.paths["/items"] = lambda ask: say
    error = failure(bench, api.url, patience=0.5 if say.hang else 30)
    assert (error.code, type(error)) == (code, kind)
    assert advice in error.message
    assert error.details["failed_resources"] == {"items": code}
    assert "\0" not in f"{error.details}{error.message}"
    assert bench.link.logs[-1][0] == "resource_failed"


def test_a_source_that_is_not_there_is_a_connection_error(bench: Any, api: FakeApi) -> None:
    error = failure(bench, "http://127.0.0.1:1")
    assert (error.code, error.retryable) == (ErrorCode.CONNECTION_ERROR, True)
    error = failure(bench, "http://no-such-host.invalid")
    assert (error.code, error.retryable) == (ErrorCode.CONNECTION_ERROR, False)


def test_private_addresses_are_refused_before_anything_is_sent(bench: Any, api: FakeApi) -> None:
    bench.addresses = ""
    for url in (api.url, api.url.replace("127.0.0.1", "localhost"), "http://169.254.169.254", "http://[::1]:1"):
        error = failure(bench, url)
        assert (error.code, error.retryable) == (ErrorCode.CONNECTION_ERROR, False)
        assert "not public" in error.message
    assert api.asked == []


def test_metadata_services_are_refused_even_where_private_addresses_are_allowed(bench: Any, api: FakeApi) -> None:
    api.paths["/items"] = lambda ask: Say(status=302, body={}, headers={"Location": "http://169.254.169.254/latest"})
    assert "not public" in failure(bench, api.url).message


def test_a_short_wait_is_waited_and_a_long_one_frees_the_worker(bench: Any, api: FakeApi) -> None:
    api.paths["/items"] = lambda ask: [{"id": 1}] if len(api.asked) > 2 else Say({}, 429, {"Retry-After": "0.2"})
    began = steady_seconds()
    assert bench.extract("rest_api", base_url=api.url, resources=["items"])["recordsProcessed"] == 1
    assert 0.4 <= steady_seconds() - began < 30
    api.paths["/items"] = lambda ask: Say({}, 429, {"Retry-After": "90"})
    bench.next_run()
    error = failure(bench, api.url)
    assert isinstance(error, Retryable)
    bench.next_run()
    with pytest.raises(Retryable) as raised:
        bench.extract("rest_api", base_url=api.url, resources=["items"], retry={"max_attempts": 2})
    assert raised.value.retry_after == 90


def test_a_source_that_stumbles_once_is_asked_again_at_once(bench: Any, api: FakeApi) -> None:
    api.paths["/items"] = lambda ask: Say({}, 502) if len(api.asked) == 1 else [{"id": 1}]
    assert bench.extract("rest_api", base_url=api.url, resources=["items"])["recordsProcessed"] == 1


def test_one_resource_that_fails_leaves_the_others_whole(bench: Any, api: FakeApi) -> None:
    api.paths["/a"] = lambda ask: [{"id": 1}]
    api.paths["/c"] = lambda ask: [{"id": 3}]
    result = bench.extract("rest_api", base_url=api.url, resources=["a", "gone", "c"])
    assert result["tables"] == ["a", "c"]
    assert result["failed_resources"] == ["gone"]
    assert result["resource_errors"]["gone"]["code"] == "CONNECTION_ERROR"
    assert bench.link.progresses[-1] == {
        "schema_version": 2,
        "resources_order": ["a", "gone", "c"],
        "completed_resources": ["a", "c"],
        "failed_resources": ["gone"],
        "in_progress_resource": None,
        "resource_cursors": {},
    }
    assert bench.link.logs[-1][:2] == (
        "extraction_completed",
        "Extraction from rest_api completed: 2 rows, 2 resources, 1 failed: gone",
    )


def test_what_may_pass_is_tried_again_and_what_is_done_stays_done(bench: Any, api: FakeApi) -> None:
    stumbling = Say({}, 503, {"Retry-After": "30"})
    api.paths["/a"] = lambda ask: [{"id": 1}]
    api.paths["/b"] = lambda ask: stumbling
    definition = {"base_url": api.url, "resources": ["a", "b"], "retry": {"max_attempts": 2}}
    with pytest.raises(Retryable) as raised:
        bench.extract("rest_api", **definition)
    assert raised.value.retry_after == 30
    assert bench.asked("announce") == []
    bench.attempt = 2
    result = bench.extract("rest_api", **definition)
    assert (result["tables"], result["failed_resources"]) == (["a"], ["b"])
    assert len(api.asked_for("/a")) == 1
    api.paths["/b"] = lambda ask: [{"id": 2}, {"id": 3}]
    result = bench.extract("rest_api", **definition)
    assert result["per_resource_rows"] == {"a": 1, "b": 2}
    assert [told["tables"] for told in bench.asked("announce")] == [["b"]]


def test_the_most_telling_error_ends_a_run_in_which_nothing_worked(bench: Any, api: FakeApi) -> None:
    answers = {"/a": Say({}, 404), "/b": Say({}, 401), "/c": Say({}, 500)}
    for path, say in answers.items():
        api.paths[path] = lambda ask, say=say: say
    with pytest.raises(Permanent) as raised:
        bench.extract("rest_api", base_url=api.url, resources=["a", "b", "c"])
    assert raised.value.code is ErrorCode.AUTH_ERROR
    assert raised.value.details["failed_resources"] == {
        "a": "CONNECTION_ERROR",
        "b": "AUTH_ERROR",
        "c": "CONNECTION_ERROR",
    }


def test_an_error_of_the_worker_ends_the_attempt_and_blames_no_resource(bench: Any, api: FakeApi) -> None:
    api.paths["/a"] = lambda ask: [{"id": 1}]

    def too_late(payload: dict[str, Any]) -> dict[str, Any]:
        raise Permanent(ErrorCode.TIMEOUT, "The run took too long.")

    bench._commit = too_late  # type: ignore[method-assign]
    with pytest.raises(Permanent, match="too long") as raised:
        bench.extract("rest_api", base_url=api.url, resources=["a", "b"])
    assert raised.value.code is ErrorCode.TIMEOUT
    assert "resource_failed" not in bench.link.events


def test_a_lake_that_takes_nothing_ends_in_a_retry(bench: Any, api: FakeApi, tmp_path: Path) -> None:
    api.paths["/a"] = lambda ask: [{"id": 1}]
    bench.folder.write_text("this is a file")
    with pytest.raises(Retryable, match="lake"):
        bench.extract("rest_api", base_url=api.url, resources=["a"])


def test_requests_keep_their_distance(bench: Any, api: FakeApi) -> None:
    api.paths["/a"] = lambda ask: [{"id": ask.query["page"]}] if int(ask.query["page"]) < 4 else []
    resources = [{"name": "a", "paginator": "page_number"}]
    began = steady_seconds()
    bench.extract("rest_api", base_url=api.url, resources=resources, request_interval_seconds=0.1)
    assert len(api.asked) == 4
    assert steady_seconds() - began >= 3 * 0.1


def test_a_small_answer_that_inflates_is_stopped_at_the_largest_page(
    bench: Any, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_session, "LARGEST_PAGE", 1 << 20)
    bomb = gzip.compress(b"[" + b" " * (64 << 20) + b"]", 1)
    api.paths["/items"] = lambda ask: Say(raw=bomb, headers={"Content-Encoding": "gzip"})
    tracemalloc.start()
    error = failure(bench, api.url)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (error.code, error.retryable) == (ErrorCode.DATA_ERROR, False)
    assert "larger than 1 MB" in error.message
    assert most < 16 << 20


def test_a_compressed_answer_that_breaks_off_is_told(bench: Any, api: FakeApi) -> None:
    whole = gzip.compress(b'[{"id": 1}]' * 1000)
    api.paths["/items"] = lambda ask: Say(raw=whole[:-20], headers={"Content-Encoding": "gzip"})
    assert "compression is broken" in failure(bench, api.url).message


def test_an_answer_that_is_cut_off_once_is_asked_for_again_and_shows_nothing(bench: Any, api: FakeApi) -> None:
    whole = b'[{"id": 1, "mail": "ada@example.org"}]'
    for broken in (whole[:-5], b"<html>ada@example.org</html>", gzip.compress(whole)[:-9]):
        headers = {"Content-Encoding": "gzip"} if broken[:2] == b"\x1f\x8b" else {}
        before = len(api.asked)
        api.paths["/items"] = lambda ask, say=Say(raw=broken, headers=headers), before=before: (
            say if len(api.asked) == before + 1 else [{"id": 1}]
        )
        assert bench.extract("rest_api", base_url=api.url, resources=["items"])["recordsProcessed"] == 1
        api.paths["/items"] = lambda ask, say=Say(raw=broken, headers=headers): say
        bench.next_run()
        error = failure(bench, api.url)
        assert "ada@" not in str([error.as_json(), bench.link.logs])
        bench.next_run()


def test_what_came_before_a_final_error_is_kept_for_the_retry(bench: Any, api: FakeApi) -> None:
    bad = True

    def answer(ask: Ask) -> Any:
        page = int(ask.query["page"])
        return Say(raw=b"<html>") if bad and page == 3 else [{"id": page}][: 4 - page]

    api.paths["/items"] = answer
    with pytest.raises(Permanent):
        bench.extract("rest_api", base_url=api.url, resources=[{"name": "items", "paginator": "page_number"}])
    bad, asked = False, len(api.asked)
    bench.extract("rest_api", base_url=api.url, resources=[{"name": "items", "paginator": "page_number"}])
    assert bench.column("items", "id") == [1, 2, 3]
    assert api.asked[asked].query["page"] == "3"


def test_a_resource_that_failed_for_good_is_asked_again_by_a_retry_alone(bench: Any, api: FakeApi) -> None:
    api.paths["/a"] = lambda ask: Say({}, 400)
    api.paths["/b"] = lambda ask: Say({}, 503, {"Retry-After": "30"})
    definition = {"base_url": api.url, "resources": ["a", "b"], "retry": {"max_attempts": 3}}
    for attempt in (1, 2):
        bench.attempt = attempt
        with pytest.raises(Retryable):
            bench.extract("rest_api", **definition)
    assert len(api.asked_for("/a")) == 1
    api.paths["/b"] = lambda ask: [{"id": 2}]
    result = bench.extract("rest_api", **definition)
    assert (result["failed_resources"], result["resource_errors"]["a"]["code"]) == (["a"], "DATA_ERROR")
    assert len(api.asked_for("/a")) == 1
    checkpoint = bench.checkpoint
    bench.next_run()
    bench.checkpoint, api.paths["/a"] = checkpoint, lambda ask: [{"id": 1}]
    assert bench.extract("rest_api", **definition)["failed_resources"] == []


def test_a_quota_is_waited_for_beyond_the_attempts_and_progress_does_not_count(bench: Any, api: FakeApi) -> None:
    api.paths["/a"] = lambda ask: Say({}, 429, {"X-RateLimit-Reset": "40"})
    definition = {"base_url": api.url, "resources": ["a"], "retry": {"max_attempts": 2}}
    bench.attempt, bench.may_wait = 2, True
    with pytest.raises(Retryable) as raised:
        bench.extract("rest_api", **definition)
    assert (raised.value.code, raised.value.retry_after) == (ErrorCode.RATE_LIMITED, 40)
    pages = {"1": [{"id": 1}], "2": Say({}, 503, {"Retry-After": "30"})}
    api.paths["/a"] = lambda ask: pages[ask.query["page"]]
    definition["resources"] = [{"name": "a", "paginator": "page_number"}, "b"]
    api.paths["/b"] = lambda ask: [{"id": 1}]
    bench.next_run()
    with pytest.raises(Retryable):
        bench.extract("rest_api", **definition)
    assert bench.extract("rest_api", **definition)["failed_resources"] == ["a"]


def test_a_wait_of_more_than_a_day_is_final(bench: Any, api: FakeApi) -> None:
    api.paths["/a"] = lambda ask: Say({}, 429, {"Retry-After": "90000"})
    api.paths["/b"] = lambda ask: [{"id": 1}]
    bench.may_wait = True
    result = bench.extract("rest_api", base_url=api.url, resources=["a", "b"], retry={"max_attempts": 3})
    assert result["resource_errors"]["a"]["code"] == "RATE_LIMITED"


# Errors that come as 200 --------------------------------------------------------------------------------------------


def test_an_error_that_comes_as_200_takes_the_place_of_no_data(bench: Any, api: FakeApi) -> None:
    api.paths["/items"] = lambda ask: {"ok": False, "error": "ratelimited"}
    error = failure(bench, api.url)
    assert (error.code, error.retryable) == (ErrorCode.RATE_LIMITED, True)
    assert "ratelimited" in error.message
    assert bench.commits == []
    result = bench.extract(
        "rest_api", base_url=api.url, resources=[{"name": "items", "errors": [], "data_selector": "$"}]
    )
    assert result["recordsProcessed"] == 1


def test_a_key_that_a_source_echoes_in_its_links_does_not_keep_pages_from_being_committed(
    bench: Any, api: FakeApi
) -> None:
    key = "c4nary-0123456789"

    def answer(ask: Ask) -> Any:
        page = int(ask.query.get("page", "1"))
        link = f"{api.url}/items?page={page + 1}&key={ask.query['key']}" if page < 4 else None
        return {"items": [{"id": page}], "next": link}

    api.paths["/items"] = answer
    bench.extract("rest_api", base_url=api.url, resources=["items"], params={"key": key}, slice_rows=1)
    assert len(bench.commits) > 3
    assert key not in str(bench.commits)
    assert all(ask.target.count("key=") == 1 for ask in api.asked)


def test_an_answer_of_202_is_data_where_the_resource_knows_no_errors(bench: Any, api: FakeApi) -> None:
    api.paths["/items"] = lambda ask: Say([{"id": 1}], 202)
    bench.extract("rest_api", base_url=api.url, resources=[{"name": "items", "errors": []}])
    assert bench.column("items", "id") == [1]


def test_no_error_promises_another_attempt() -> None:
    """A run ends with it, too, when no attempt is left (finding 2.17 of the API)."""
    root = Path(extract.__file__).parent
    promise = re.compile(r"[ ;](?:is (?:tried|asked for|begun|read) again|next attempt (?:asks|begins))")
    found = [
        f"{path.relative_to(root)}:{node.lineno}"
        for path in sorted(root.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.JoinedStr) and promise.search(ast.unparse(node))
    ]
    assert found == []
