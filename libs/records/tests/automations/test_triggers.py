"""What starts an automation: both spellings, what is refused, and which events pass (document 002, "Trigger Types")."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from vai_records.automations.triggers import EVENT_FIELDS, Trigger, passes, webhook_path

TRIGGER: TypeAdapter[Any] = TypeAdapter(Trigger)


def stored(**given: Any) -> dict[str, Any]:
    found: dict[str, Any] = TRIGGER.validate_python(given).stored()
    return found


def refusal(given: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        TRIGGER.validate_python(given)
    return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in caught.value.errors())


def test_a_schedule_is_in_utc_where_it_names_no_zone() -> None:
    assert stored(type="schedule", schedule="0  6 * * *") == {
        "type": "schedule",
        "schedule": "0 6 * * *",
        "timezone": "UTC",
        "catchup": "latest",
        "overlap": "skip",
    }


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Asia/Kathmandu", "UTC", "Etc/GMT+5", "CET"])
def test_every_zone_of_the_iana_database_is_taken(zone: str) -> None:
    assert stored(type="schedule", schedule="0 6 * * *", timezone=zone)["timezone"] == zone


ELSEWHERE = ("../etc/passwd", "/etc/localtime", "zone.tab", "localtime", "posixrules", "Factory", "right/Europe/Berlin")


@pytest.mark.parametrize("zone", ["", "Berlin", "europe/berlin", "Mars/Base", "Europe", "Europe/Berlin\0", *ELSEWHERE])
def test_anything_else_is_no_zone(zone: str) -> None:
    assert "not a time zone of the IANA database" in refusal(
        {"type": "schedule", "schedule": "0 6 * * *", "timezone": zone}
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("europe/berlin", "Europe/Berlin"),
        ("utc", "UTC"),
        ("AMERICA/NEW_YORK", "America/New_York"),
        ("America/New York", "America/New_York"),
        ("Berlin", "Europe/Berlin"),
        ("kathmandu", "Asia/Kathmandu"),
        ("Mars/Base", "Europe/Berlin, say"),
    ],
)
def test_a_zone_in_other_letters_is_told_how_it_is_written(written: str, meant: str) -> None:
    said = refusal({"type": "schedule", "schedule": "0 6 * * *", "timezone": written})
    assert said.endswith(f"write {meant}")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "Unable to extract tag"),
        ({"type": "cron"}, "'schedule', 'webhook', 'event', 'manual'"),
        ({"type": "schedule"}, "schedule.schedule: Field required"),
        ({"type": "schedule", "schedule": "soon"}, "five fields"),
        ({"type": "schedule", "schedule": "0 25 * * *"}, "Bad hour"),
        ({"type": "schedule", "schedule": "0 0 30 2 *"}, "never comes"),
        ({"type": "schedule", "schedule": "0 6 * * *", "catchup": "some"}, "'latest', 'all' or 'none'"),
        ({"type": "schedule", "schedule": "0 6 * * *", "overlap": "wait"}, "'skip', 'queue' or 'allow'"),
        ({"type": "schedule", "schedule": "0 6 * * *", "every": 5}, "every: Extra inputs"),
        ({"type": "webhook"}, "path: Field required"),
        ({"type": "webhook", "path": "/a", "secret": "short"}, "at least 12"),
        ({"type": "webhook", "path": "/a", "secret": {"secret": False}}, "True"),
        ({"type": "event"}, "Field required"),
        ({"type": "event", "eventType": "action.started"}, "no event that starts automations; action.completed,"),
        ({"type": "event", "eventType": "action.failed", "filters": {"rows": 1}}, "no field 'rows'; it has runId,"),
        ({"type": "event", "eventType": "action.failed", "filters": {"kind": 1, "actionKind": 1}}, "give it once"),
        ({"type": "manual", "schedule": "0 6 * * *"}, "Extra inputs"),
    ],
)
def test_what_cannot_start_anything_is_refused_and_told_why(given: dict[str, Any], message: str) -> None:
    assert message in refusal(given)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/hooks/shopify-orders", "hooks/shopify-orders"),
        ("external/sync/", "external/sync"),
        ("v1.2/~ada/a_b", "v1.2/~ada/a_b"),
        ("x" * 255, "x" * 255),
    ],
)
def test_a_path_is_kept_without_slashes_around_it(path: str, expected: str) -> None:
    assert webhook_path(path) == expected
    assert stored(type="webhook", path=path)["path"] == f"/{expected}"


@pytest.mark.parametrize(
    "path", ["", "/", "a//b", "../a", "a/../b", "a/.", ".git", "a b", "a?b", "a#b", "a%2Fb", "ü", "a\n", "x" * 256]
)
def test_a_path_that_an_address_cannot_have_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="single slashes"):
        webhook_path(path)


@pytest.mark.parametrize("secret", ["whsec_...", "whsec_your_secret_here", {"secret": True}, None])
def test_a_webhooks_secret_is_never_shown(secret: Any) -> None:
    assert stored(type="webhook", path="/a", secret=secret)["secret"] == {"secret": True}


@pytest.mark.parametrize("event_type", EVENT_FIELDS)
def test_an_event_is_stored_in_one_spelling(event_type: str) -> None:
    expected = {"type": "event", "eventType": event_type, "filters": {}}
    assert stored(type="event", eventType=event_type) == stored(type="event", event_type=event_type) == expected


@pytest.mark.parametrize("word", ["kind", "actionKind"])
def test_a_filter_on_the_kind_is_stored_in_one_spelling(word: str) -> None:
    found = stored(type="event", eventType="action.completed", filters={word: "dlt_extract"})
    assert found["filters"] == {"actionKind": "dlt_extract"}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, True),
        ({"actionKind": "dlt_extract"}, True),
        ({"actionKind": "http_request"}, False),
        ({"actionKind": ["http_request", "dlt_extract"]}, True),
        ({"actionKind": []}, False),
        ({"actionKind": "dlt_extract", "recordCount": 3}, True),
        ({"actionKind": "dlt_extract", "recordCount": 4}, False),
        ({"recordCount": "3"}, False),
        ({"recordCount": True}, False),
        ({"tables": "orders"}, True),
        ({"tables": ["items", "customers"]}, True),
        ({"tables": "items"}, False),
        ({"actionId": None}, True),
        ({"actionId": "x"}, False),
    ],
)
def test_an_event_passes_when_its_data_have_every_value(filters: dict[str, Any], expected: bool) -> None:
    data = {"actionKind": "dlt_extract", "recordCount": 3, "tables": ["orders", "customers"]}
    assert passes(filters, data) is expected


def test_nothing_but_a_manual_trigger_needs_no_fields() -> None:
    assert stored(type="manual") == {"type": "manual"}
