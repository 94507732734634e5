"""Klaviyo, against a server that speaks its protocol: paging, filters, slices, limits, refusals, odd data."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vai_common.clock import now
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_extract_worker.loading import loading
from vai_records.definitions.source_types import source_types
from vai_testkit.servers.json_api import FakeApi, serving
from vai_testkit.vendors.klaviyo import Account
from vai_testkit.vendors.klaviyo_data import filled
from vai_worker.children.job import ConnectionSecret

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def api() -> Iterator[FakeApi]:
    with serving() as fake:
        yield fake


@pytest.fixture
def account(api: FakeApi) -> Account:
    account = Account()
    api.default, api.asked = account.answer, []
    return account


@pytest.fixture
def bench(bench: Any, api: FakeApi, account: Account) -> Any:
    bench.connection = ConnectionSecret("id", "shop", "klaviyo", {"base_url": api.url}, {"api_key": account.key})
    return bench


def told(api: FakeApi, path: str, name: str = "filter") -> list[str | None]:
    return [ask.query.get(name) for ask in api.asked_for(f"/api/{path}")]


def test_every_table_comes_whole_the_smallest_first(bench: Any, api: FakeApi) -> None:
    account = filled(now() - timedelta(days=45), 30, events=1_500, profiles=130)
    account.limits = False
    api.default = account.answer
    result = bench.extract("klaviyo", incremental=True, start_date=(now() - timedelta(days=60)).date().isoformat())
    tables = {one.name for one in source_types()["klaviyo"].resources}
    assert result["per_resource_rows"] == {name: len(account.data[name.replace("_", "-")]) for name in tables}
    assert result["tables"][-2:] == ["profiles", "events"]
    assert {ask.headers["authorization"] for ask in api.asked} == {f"Klaviyo-API-Key {account.key}"}
    assert {ask.headers["revision"] for ask in api.asked} == {"2026-07-15"}
    ids = bench.column("events", "id")
    assert len(ids) == len(set(ids)) == 1_500
    assert bench.column("events", "metric_id")[0].startswith("M")
    assert str(bench.table("events").schema.field("datetime").type) == "timestamp[us, tz=UTC]"
    assert 'O\'Brien, "Jr."' in bench.column("profiles", "first_name")
    assert set(bench.column("campaigns", "archived")) == {True, False}


def test_events_are_asked_for_week_by_week_and_then_from_the_last_one_on(
    bench: Any, api: FakeApi, account: Account
) -> None:
    account.limits = False
    begin = now().replace(microsecond=0) - timedelta(days=20)
    for number in range(47):
        account.add_event(number, begin + timedelta(hours=10 * number))
    asked = {"resources": ["events"], "incremental": True}
    bench.extract("klaviyo", start_date=begin.isoformat(), **asked)
    filters = told(api, "events")
    assert len(filters) == 3
    first, second = (begin + timedelta(days=7 * week) for week in (0, 1))
    assert filters[0] == f"greater-or-equal(datetime,{first:%FT%TZ}),less-than(datetime,{second:%FT%TZ})"
    assert set(told(api, "events", "sort")) == {"datetime"}
    assert next(text for event, text in bench.entries if event == "slice_completed").startswith("Slice 1/3: ")
    bench.next_run()
    api.asked = []
    account.add_event(47, begin + timedelta(hours=460))  # at the very second of the last one
    account.add_event(48, now() - timedelta(minutes=1))
    bench.extract("klaviyo", **asked)
    assert sorted(bench.column("events", "id")) == ["E00000047", "E00000048"]
    assert len(told(api, "events")) == 1


def test_events_of_the_future_hide_nothing_that_comes_later(bench: Any, account: Account) -> None:
    account.limits = False
    account.add_event(1, now() - timedelta(hours=2))
    account.add_event(2, now() + timedelta(days=200))
    asked = {"resources": ["events"], "incremental": True, "start_date": (now() - timedelta(days=3)).date().isoformat()}
    assert bench.extract("klaviyo", **asked)["recordsProcessed"] == 2
    account.add_event(3, now() - timedelta(minutes=30))
    bench.next_run()
    assert bench.extract("klaviyo", **asked)["recordsProcessed"] == 1
    assert bench.column("events", "id") == ["E00000003"]


def test_an_attempt_goes_on_at_klaviyos_cursor_and_begins_the_slice_anew_where_it_is_forgotten(
    bench: Any, api: FakeApi, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "COMMIT_SECONDS", 0.0)
    account.limits = False
    begin = now() - timedelta(days=3)
    for number in range(3_500):
        account.add_event(number, begin + timedelta(seconds=60 * number))
    asked = {"resources": ["events"], "incremental": True, "start_date": begin.date().isoformat()}
    answer = account.answer

    def dies_at_the_third(ask: Any) -> Any:
        if len(api.asked_for("/api/events")) == 3:
            account.key = "another"
        return answer(ask)

    api.default = dies_at_the_third
    with pytest.raises(Permanent, match="Klaviyo says: Incorrect authentication credentials"):
        bench.extract("klaviyo", **asked)
    account.key, api.asked, api.default = bench.connection.credentials["api_key"], [], answer
    committed = bench.checkpoint
    bench.epoch = 2
    assert bench.extract("klaviyo", **asked)["recordsProcessed"] == 3_500
    assert api.asked_for("/api/events")[0].query["page[cursor]"]
    assert len(set(bench.column("events", "id"))) == len(bench.column("events", "id")) == 3_500

    bench.checkpoint, bench.cursors, bench.epoch, bench.commits, api.asked = committed, {}, 3, [], []
    account.forgets_cursors = True
    account.data["events"] = account.data["events"][:900]
    assert bench.extract("klaviyo", **asked)["recordsProcessed"] == 900
    assert [commit["abandoned"] for commit in bench.commits if "abandoned" in commit] == [["000001", "000001-000001"]]
    assert "page[cursor]" not in api.asked_for("/api/events")[1].query


def test_profiles_are_asked_for_a_second_before_and_come_once(bench: Any, api: FakeApi, account: Account) -> None:
    account.limits = False
    at = now().replace(microsecond=0) - timedelta(days=2)
    for number, moment in enumerate((at - timedelta(seconds=1), at, at + timedelta(seconds=1))):
        account.add("profiles", f"P{number}", {"email": None, "updated": moment.isoformat()})
    asked = {"resources": ["profiles"], "incremental": True, "profile_fields": ["subscriptions"]}
    bench.extract("klaviyo", start_date=at.isoformat(), **asked)
    assert sorted(bench.column("profiles", "id")) == ["P1", "P2"]
    assert told(api, "profiles")[0] == f"greater-than(updated,{at - timedelta(seconds=1):%FT%TZ})"
    assert told(api, "profiles", "additional-fields[profile]") == ["subscriptions"]
    account.data["profiles"][1]["attributes"]["updated"] = now().replace(microsecond=0).isoformat()
    bench.next_run()
    bench.extract("klaviyo", **asked)
    assert bench.column("profiles", "id") == ["P1"]


def test_campaigns_are_listed_by_channel_until_klaviyo_wants_none(bench: Any, api: FakeApi, account: Account) -> None:
    account.limits = False
    bench.extract("klaviyo", resources=["campaigns"], channels=["sms"])
    filters = told(api, "campaigns")
    assert filters == [f"equals(messages.channel,'sms'),equals(archived,{word})" for word in ("false", "true")]
    api.asked = []
    bench.next_run()
    bench.extract("klaviyo", resources=["campaigns"], revision="2026-10-15")
    assert told(api, "campaigns") == ["equals(archived,false)", "equals(archived,true)"]


def test_an_older_revision_is_asked_for_what_it_knows(bench: Any, api: FakeApi) -> None:
    account = filled(now() - timedelta(days=3), 2, events=450, profiles=120)
    account.limits, api.default = False, account.answer
    start = (now() - timedelta(days=5)).isoformat()
    found = bench.extract("klaviyo", revision="2025-01-15", start_date=start)
    assert found["failed_resources"] == []
    assert found["per_resource_rows"]["events"] == 450


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"key": "another"}, ErrorCode.AUTH_ERROR, "Incorrect authentication credentials"),
        ({"scopes": set()}, ErrorCode.AUTH_ERROR, "missing the required scope: lists:read"),
        ({"revisions": ("2020-01-15",)}, ErrorCode.DATA_ERROR, "2026-07-15 is not a valid revision"),
    ],
)
def test_a_refusal_is_told_in_klaviyos_words(
    bench: Any, account: Account, change: dict[str, Any], code: ErrorCode, says: str
) -> None:
    vars(account).update(change)
    with pytest.raises(RunError, match=says) as failed:
        bench.extract("klaviyo", resources=["lists"])
    assert failed.value.code is code
    assert not failed.value.retryable


def test_too_many_requests_are_waited_for_or_end_the_attempt(bench: Any, api: FakeApi, account: Account) -> None:
    answer, refuse = account.answer, ["1"]

    def throttled(ask: Any) -> Any:
        if refuse:
            account.retry_after = lambda left: refuse.pop()
            account.limits, account.asked["lists"] = True, [loading.steady_seconds()] * 1_000
            try:
                return answer(ask)
            finally:
                account.asked.clear()
        return answer(ask)

    api.default = throttled
    account.add("lists", "L1", {"name": "All", "updated": "2026-01-01T00:00:00+00:00"})
    assert bench.extract("klaviyo", resources=["lists"])["recordsProcessed"] == 1
    refuse.append("59")
    bench.next_run()
    with pytest.raises(Retryable) as failed:
        bench.extract("klaviyo", resources=["lists"])
    assert (failed.value.code, failed.value.retry_after) == (ErrorCode.RATE_LIMITED, 59)


def test_requests_keep_document_000s_distance_by_endpoint(bench: Any, account: Account) -> None:
    begin = now() - timedelta(days=6)
    for number in range(35):
        account.add("lists", f"L{number}", {"name": "x", "updated": "2026-01-01T00:00:00+00:00"})
        account.add_event(number, begin)
    asked = {"resources": ["lists", "events"], "start_date": (now() - timedelta(days=5)).isoformat(), "slice_days": 0.5}
    bench.extract("klaviyo", **asked)
    assert account.refused == 0
    for name, least in (("lists", 0.1), ("events", 0.02)):
        places = [one for one in bench.asked("pace") if one["bucket"] == f"klaviyo:{name}"]
        assert sum(one["count"] for one in places) >= len(account.asked[name]) > 3
        assert {round(one["interval"], 4) for one in places} == {round(least * 1.02, 4)}


def test_an_address_that_is_not_klaviyos_says_so(bench: Any, api: FakeApi) -> None:
    api.default = lambda ask: {"data": "hello"}
    with pytest.raises(Permanent, match=r"something else than a list of JSON:API"):
        bench.extract("klaviyo", resources=["lists"])
    api.default = lambda ask: {"data": [], "links": {"next": f"{api.url}/api/lists?page=2"}}
    with pytest.raises(Permanent, match=r"has no page\[cursor\]"):
        bench.extract("klaviyo", resources=["lists"])
