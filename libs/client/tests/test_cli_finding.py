"""`vai runs list`, `bulk` and `again`: what they ask, and what they print."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from starlette.responses import JSONResponse
from typer.testing import Result

from vai.clock import now

Vai = Callable[..., Result]


def asked(platform: Any) -> dict[str, list[str]]:
    """The query of the last list of runs."""
    (query,) = [seen.query for seen in platform.seen if seen.path.endswith("/action-runs")][-1:]
    names = {name for name, _ in query}
    return {name: [value for key, value in query if key == name] for name in names}


def test_a_list_asks_with_every_filter(vai: Vai, platform: Any) -> None:
    action, connection = platform.add_action(), platform.add_connection(slug="shop")
    filters = ("--status", "failed", "--kind", "noop", "--action", action["slug"], "--connection", connection["slug"])
    times = ("--since", "2h", "--until", "2026-11-29T06:00:00+01:00", "-q", "price", "--trigger", "schedule")
    done = vai("runs", "list", *filters, *times, "--label", "team=x", "--label", "tier", "--sort", "updated_at")
    assert done.exit_code == 0, done.output
    query = asked(platform)
    since = datetime.fromisoformat(query.pop("created_from")[0])
    assert timedelta(hours=1, minutes=58) < now() - since < timedelta(hours=2, minutes=2)
    assert query == {
        "status": ["failed"],
        "kind": ["noop"],
        "action_id": [action["id"]],
        "connection_id": [connection["id"]],
        "created_until": ["2026-11-29T05:00:00+00:00"],
        "q": ["price"],
        "trigger_method": ["schedule"],
        "label": ["team=x", "tier"],
        "sort_by": ["updated_at"],
        "limit": ["20"],
        "offset": ["0"],
    }


@pytest.mark.parametrize("option", [("--since", "soon"), ("--until", "2h3m"), ("--label",)])
def test_a_filter_that_says_nothing_is_refused(vai: Vai, platform: Any, option: tuple[str, ...]) -> None:
    done = vai("runs", "list", *option)
    assert done.exit_code == 2
    assert not platform.seen


def test_a_list_goes_on_by_the_cursor_of_the_answer(vai: Vai, platform: Any) -> None:
    runs = [platform.add_run() for _ in range(3)]
    shape = {"hasNext": True, "total": 3, "users": {}, "limit": 2, "offset": 0}
    platform.replies.append(JSONResponse(shape | {"runs": runs[:2], "nextCursor": "c2"}))
    platform.replies.append(JSONResponse(shape | {"runs": runs[2:], "nextCursor": None, "hasNext": False}))
    done = vai("runs", "list", "--json", "--limit", "150")
    assert [run["id"] for run in json.loads(done.stdout)] == [run["id"] for run in runs]
    assert (asked(platform)["cursor"], asked(platform)["offset"]) == (["c2"], ["0"])


def test_many_are_decided_page_by_page_and_what_was_refused_is_told(vai: Vai, platform: Any) -> None:
    one, two = platform.add_run(), platform.add_run()
    why = [{"loc": [], "msg": "the run has ended", "type": "not_allowed"}]
    first = {"results": [{"id": one["id"], "status": 200, "run": one}], "nextCursor": "next"}
    last = {"results": [{"id": two["id"], "status": 409, "detail": why}], "nextCursor": None}
    platform.replies.extend([JSONResponse(first), JSONResponse(last)])
    done = vai("runs", "bulk", "cancel", "--label", "team=x", "--yes")
    assert (done.exit_code, "1 run done, 1 refused" in done.output, "the run has ended" in done.output) == (
        1,
        True,
        True,
    )
    bodies = [seen.body for seen in platform.seen]
    assert bodies == [
        {"operation": "cancel", "filters": {"label": ["team=x"]}},
        {"operation": "cancel", "filters": {"label": ["team=x"]}, "cursor": "next"},
    ]


def test_many_are_decided_only_where_it_is_said_which_and_confirmed(vai: Vai, platform: Any) -> None:
    run = platform.add_run()
    assert vai("runs", "bulk", "cancel").exit_code == 2
    assert vai("runs", "bulk", "cancel", run["id"], "--label", "a").exit_code == 2
    assert vai("runs", "bulk", "cancel", run["id"], input="n\n").exit_code == 1
    assert [seen.method for seen in platform.seen if seen.method == "POST"] == []


def test_a_run_begins_again_with_changes_and_labels(vai: Vai, platform: Any) -> None:
    run, new = platform.add_run(status="completed"), platform.add_run(status="completed", labels={"a": "b"})
    platform.replies.append(JSONResponse(run))
    platform.replies.append(JSONResponse(new, 201))
    done = vai("again", run["id"], "--set", "rows=5", "--label", "a=b", "--wait", "1", "--json")
    assert done.exit_code == 0, done.output
    (posted,) = [seen for seen in platform.seen if seen.method == "POST"]
    assert posted.path.endswith(f"/action-runs/{run['id']}/run-again")
    assert posted.body == {"definitionOverrides": {"rows": 5}, "labels": {"a": "b"}}


@pytest.mark.parametrize("command", [("run", "noop"), ("again", "RUN"), ("actions", "run", "ACTION")])
def test_a_run_that_starts_later_is_not_waited_for(vai: Vai, platform: Any, command: tuple[str, ...]) -> None:
    run, action = platform.add_run(status="completed"), platform.add_action()
    words = [{"RUN": run["id"], "ACTION": action["slug"]}.get(word, word) for word in command]
    assert vai(*words, "--at", "2h").exit_code == 0
    at = datetime.fromisoformat(platform.seen[-1].body["scheduledFor"])
    assert timedelta(hours=1, minutes=58) < at - now() < timedelta(hours=2, minutes=2)
    assert vai(*words, "--at", "2026-11-29T07:00:00+01:00").exit_code == 0
    assert platform.seen[-1].body["scheduledFor"] == "2026-11-29T06:00:00+00:00"
    assert vai(*words, "--at", "soon").exit_code == 2


def found_entry(run: Any, number: int, **values: Any) -> dict[str, Any]:
    its_run = {"id": run["id"], "kind": "noop", "status": "failed", "action": "Ord\x1b[2Jers", "actionId": None}
    entry = {"id": f"{run['id']}-{number}", "level": "error", "event": "note", "message": "a price", "attempt": 1}
    parts = [{"isMatch": False, "text": "a\x1b "}, {"isMatch": True, "text": "price"}]
    more = {"data": {}, "occurredAt": "2026-11-29T10:30:00Z", "workerId": None, "parts": parts}
    return entry | more | {"run": its_run | {"createdAt": "2026-11-29T10:29:00Z"}} | values


def test_a_search_of_logs_asks_with_every_filter_and_goes_on_over_empty_pages(vai: Vai, platform: Any) -> None:
    run = platform.add_run()
    shape = {"entriesRead": 1, "runsRead": 1, "readBackTo": None}
    for entries, cursor in (([], "c2"), ([found_entry(run, 2), found_entry(run, 1)], "c3"), ([], None)):
        platform.replies.append(
            JSONResponse(shape | {"entries": entries, "hasMore": cursor is not None, "nextCursor": cursor})
        )
    filters = ("--level", "error", "--status", "failed", "--kind", "noop", "--label", "team=x")
    done = vai("search", "price", *filters, "--until", "2026-11-29T06:00:00+01:00")
    assert done.exit_code == 0, done.output
    head, first, second = done.stdout.splitlines()
    assert head == f"{run['id']}  failed  noop  Ord�[2Jers"
    assert first == second
    assert first.endswith("[error] note - a� price")
    pages = [dict(seen.query) for seen in platform.seen if seen.path.endswith("/logs")]
    assert [page.get("cursor") for page in pages] == [None, "c2", "c3"]
    assert pages[0] == {
        "q": "price",
        "level": "error",
        "status": "failed",
        "kind": "noop",
        "label": "team=x",
        "occurred_until": "2026-11-29T05:00:00+00:00",
        "limit": "20",
    }


def test_a_search_of_logs_ends_at_its_limit_and_says_where_nothing_matches(vai: Vai, platform: Any) -> None:
    run = platform.add_run()
    shape = {"entriesRead": 1, "runsRead": 1, "readBackTo": None, "hasMore": True, "nextCursor": "c2"}
    entries = [found_entry(run, number) for number in (3, 2, 1)]
    platform.replies.append(JSONResponse(shape | {"entries": entries}))
    assert json.loads(vai("search", "price", "--limit", "2", "--json").stdout) == entries[:2]
    platform.replies.append(JSONResponse(shape | {"entries": [], "hasMore": False, "nextCursor": None}))
    done = vai("search", "nothing")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "no entry matches\n")
