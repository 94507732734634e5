"""A source that shows times in one way and wants to be asked in another loses no row, whatever is cut off."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from vai_common.errors import Permanent
from vai_extract_worker.increments.cursor_formats import TimeFormat
from vai_records.definitions.sources.resources import Incremental, Slices

Query = dict[str, str]

BERLIN = ZoneInfo("Europe/Berlin")
BEGIN = datetime(2025, 10, 25, 21, 7, 31, 250_000, UTC)
"""The hours in which clocks are set back come soon after."""


def us(moment: datetime) -> Any:
    return f"{moment.astimezone(UTC):%m/%d/%Y %I:%M:%S %p}"


SHOWN: dict[str, tuple[Callable[[datetime], Any], dict[str, Any]]] = {
    "iso": (lambda moment: moment.isoformat(), {}),
    "seconds": (lambda moment: int(moment.timestamp()), {"format": "unix"}),
    "seconds as text": (lambda moment: str(int(moment.timestamp())), {"format": "unix"}),
    "seconds with a fraction": (lambda moment: moment.timestamp(), {"format": "unix"}),
    "milliseconds": (lambda moment: int(moment.timestamp() * 1000), {"format": "unix_ms"}),
    "of the US": (us, {"format": "%m/%d/%Y %I:%M:%S %p"}),
    "in one piece": (lambda moment: f"{moment:%Y%m%dT%H%M%SZ}", {"format": "%Y%m%dT%H%M%SZ"}),
    "as a header": (lambda moment: f"{moment:%a, %d %b %Y %H:%M:%S GMT}", {"format": "%a, %d %b %Y %H:%M:%S GMT"}),
    "a number of digits": (lambda moment: int(f"{moment:%Y%m%d%H%M%S}"), {"format": "%Y%m%d%H%M%S"}),
}
ASKED: dict[str, Callable[[str], datetime]] = {
    "datetime": datetime.fromisoformat,
    "datetime_ms": datetime.fromisoformat,
    "date": lambda said: datetime.fromisoformat(said).replace(tzinfo=UTC),
    "unix": lambda said: datetime.fromtimestamp(int(said), UTC),
    "unix_ms": lambda said: datetime.fromtimestamp(int(said) / 1000, UTC),
    "%Y-%m-%dT%H:%M:%S": lambda said: datetime.fromisoformat(said).replace(tzinfo=UTC),
    "%d.%m.%Y %H:%M": lambda said: datetime.strptime(said, "%d.%m.%Y %H:%M").replace(tzinfo=UTC),
    "%Y-%m-%dT%H:%M:%S%z": datetime.fromisoformat,
    "%y%j": lambda said: datetime.strptime(said, "%y%j").replace(tzinfo=UTC),
}


class Shop:
    """Rows at odd moments, some at the same one; it answers from the moment on that it is asked for."""

    def __init__(self, write: Callable[[datetime], Any], read: Callable[[str], datetime]) -> None:
        self.moments: list[datetime] = []
        self._write, self._read = write, read
        self.asked: list[str] = []

    def grow(self, count: int) -> None:
        step = timedelta(minutes=11, seconds=7, milliseconds=130)
        first = len(self.moments)
        self.moments += [BEGIN + step * ((first + number) // 2) for number in range(count)]

    def serve(self, query: Query) -> Any:
        since = self._read(query["since"]) if "since" in query else None
        if since:
            self.asked.append(query["since"])
        rows = [
            {"id": number, "at": self._write(moment)}
            for number, moment in enumerate(self.moments)
            if since is None or moment >= since
        ]
        first = 7 * (int(query["page"]) - 1)
        return rows[::-1][first : first + 7]


def desk_of(new_desk: Any, shop: Shop, **incremental: Any) -> Any:
    rows = {
        "name": "rows",
        "paginator": "page_number",
        "primary_key": "id",
        "incremental": {"cursor_path": "at", "param": "since"} | incremental,
    }
    return new_desk({"resources": [rows]}, shop.serve)


PAIRS = [
    (shown, form) for number, shown in enumerate(SHOWN) for other, form in enumerate(ASKED) if (number + other) % 3 == 0
]
"""Each with three others."""


@pytest.mark.parametrize("lag", [None, 3600])
@pytest.mark.parametrize(("shown", "form"), PAIRS)
def test_every_row_comes_once_whatever_is_shown_and_asked(new_desk: Any, shown: str, form: str, lag: Any) -> None:
    write, said = SHOWN[shown]
    shop = Shop(write, ASKED[form])
    desk = desk_of(new_desk, shop, param_format=form, lag=lag, **said)
    for kills in ((), (2,), ()):
        shop.grow(15)
        desk.run(*kills)
        assert desk.warnings == []
    assert sorted(row["id"] for row in desk.seen) == list(range(45))
    assert shop.asked


@pytest.mark.parametrize("shown", SHOWN)
def test_what_a_source_shows_it_is_asked_with_where_nothing_else_is_said(new_desk: Any, shown: str) -> None:
    write, said = SHOWN[shown]
    shop = Shop(write, lambda _: BEGIN)
    desk = desk_of(new_desk, shop, **said)
    shop.grow(3)
    desk.run()
    desk.run()
    assert set(shop.asked) == {str(write(shop.moments[-1]))}


@pytest.mark.parametrize("fold", [0, 1])
def test_an_hour_that_comes_twice_is_asked_for_from_before(fold: int) -> None:
    """A source may take 02:30 for the second one: whoever asks in the first one would miss an hour."""
    moment = datetime(2025, 10, 26, 2, 30, tzinfo=BERLIN, fold=fold).astimezone(UTC)
    form = TimeFormat("%Y/%m/%d %H:%M", BERLIN)
    said = datetime.strptime(str(form.written(moment)), "%Y/%m/%d %H:%M")  # noqa: DTZ007 - read in both hours below
    for taken in (0, 1):
        assert said.replace(tzinfo=BERLIN, fold=taken).astimezone(UTC) <= moment
    assert form.written(datetime(2025, 7, 1, 10, 0, tzinfo=UTC)) == "2025/07/01 12:00"
    assert TimeFormat("%Y/%m/%d %H:%M %z", BERLIN).written(moment) == f"2025/10/26 02:30 +0{2 - fold}00"


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/St_Johns", "Asia/Kathmandu"])
def test_a_source_that_is_asked_in_its_own_time_and_shows_utc(new_desk: Any, zone: str) -> None:
    """As Jira: rows have a zone, the query has that of the account."""
    form = "%Y/%m/%d %H:%M"
    shop = Shop(SHOWN["iso"][0], lambda said: datetime.strptime(said, form).replace(tzinfo=ZoneInfo(zone), fold=1))
    desk = desk_of(new_desk, shop, param_format=form, timezone=zone)
    for _ in range(4):
        shop.grow(15)
        desk.run()
    assert sorted(row["id"] for row in desk.seen) == list(range(60))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Tokyo"])
def test_times_without_a_zone_are_of_the_one_that_is_named(new_desk: Any, zone: str) -> None:
    local = lambda moment: moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")  # noqa: E731
    shop = Shop(local, lambda said: datetime.fromtimestamp(int(said), UTC))
    desk = desk_of(new_desk, shop, param_format="unix", timezone=zone, lag=7200)
    for _ in range(3):
        shop.grow(15)
        desk.run()
    assert sorted(row["id"] for row in desk.seen) == list(range(45))


@pytest.mark.parametrize(
    ("form", "end", "said"),
    [
        ("date", "2026-01-02T10:00:00Z", "2026-01-03"),
        ("date", "2026-01-02", "2026-01-02"),
        ("unix", "2026-01-02T00:00:00.5Z", "1767312001"),
        ("unix_ms", "2026-01-02T00:00:00.5Z", "1767312000500"),
        ("%Y-%m-%d %H:%M", "2026-01-02T10:00:01Z", "2026-01-02 10:01"),
    ],
)
def test_an_end_is_never_asked_for_too_early(new_desk: Any, form: str, end: str, said: str) -> None:
    asked: list[Query] = []

    def serve(query: Query) -> Any:
        asked.append(query)
        days = ("2026-01-01T00:00:00Z", "2026-01-02T09:00:00Z", "2026-01-02T11:00:00Z")
        return [{"at": day} for day in days]

    incremental = {
        "cursor_path": "at", "param": "since", "initial_value": "2026-01-01", "end_value": end, "end_param": "until",
        "param_format": form,
    }  # fmt: skip
    desk = new_desk({"resources": [{"name": "rows", "incremental": incremental}], "paginator": "single_page"}, serve)
    assert all(
        datetime.fromisoformat(row["at"]) < datetime.fromisoformat(end + "T00:00:00Z"[len(end) - 10 :])
        for row in desk.run()
    )
    assert asked[0]["until"] == said


def test_a_first_run_is_asked_in_the_format_of_the_rows(new_desk: Any) -> None:
    """The start_date is ISO 8601, whatever the source shows."""
    shop = Shop(SHOWN["seconds"][0], ASKED["unix"])
    shop.grow(9)
    desk = desk_of(new_desk, shop, format="unix")
    desk.definition["start_date"] = "2025-10-25"
    assert len(desk.run()) == 9
    assert shop.asked[0] == "1761350400"
    assert desk.run() == []


def test_placeholders_are_written_as_param_format_says(new_desk: Any) -> None:
    asked: list[Query] = []

    def serve(query: Query) -> Any:
        asked.append(query)
        return [{"id": 1, "at": "2026-01-01T10:00:30Z"}]

    rows = {
        "name": "rows",
        "params": {"jql": "updated >= '{incremental.start_value}' and updated < '{incremental.end_value}'"},
        "incremental": {
            "cursor_path": "at", "initial_value": "2025-01-01", "end_value": "2027-01-01", "timezone": "Asia/Tokyo",
            "param_format": "%Y/%m/%d %H:%M",
        },
    }  # fmt: skip
    desk = new_desk({"resources": [rows], "paginator": "single_page"}, serve)
    desk.run()
    desk.run()
    assert asked[0]["jql"] == "updated >= '2025/01/01 00:00' and updated < '2027/01/01 00:00'"
    assert asked[1]["jql"] == "updated >= '2026/01/01 19:00' and updated < '2027/01/01 00:00'"


def test_windows_are_written_by_a_pattern(new_desk: Any) -> None:
    asked: list[Query] = []

    def serve(query: Query) -> Any:
        asked.append(query)
        return []

    rows = {
        "name": "rows",
        "slices": {"param_start": "from", "param_end": "to", "days": 10, "format": "%Y%m%d", "end": "inclusive"},
        "incremental": {"cursor_path": "at", "initial_value": "2026-01-01", "end_value": "2026-01-31"},
    }
    new_desk({"resources": [rows], "paginator": "single_page"}, serve).run()
    assert [(one["from"], one["to"]) for one in asked] == [
        ("20260101", "20260110"), ("20260111", "20260120"), ("20260121", "20260131"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("31/12/2025", {"format": "%m/%d/%Y"}),
        (True, {"format": "unix"}),
        ("\u0661\u0662", {"format": "unix"}),
        ("1e400", {"format": "unix"}),
        ("NaN", {"format": "unix_ms"}),
        (1e300, {"format": "unix_ms"}),
        (1_700_000_000, {"param_format": "datetime"}),
        ("2026-01-01", {"format": "unix"}),
    ],
)
def test_a_value_that_does_not_fit_is_an_error_that_does_not_show_it(new_desk: Any, value: Any, said: Any) -> None:
    incremental = {"cursor_path": "at", "param": "since"} | said
    definition = {"resources": [{"name": "rows", "incremental": incremental}], "paginator": "single_page"}
    desk = new_desk(definition, lambda query: [{"at": value}])
    with pytest.raises(Permanent, match="cursor_path at does not work") as raised:
        desk.run()
    assert str(value) not in raised.value.message or isinstance(value, bool)


@pytest.mark.parametrize(
    ("said", "match"),
    [
        ({"format": "iso"}, "must be one of"),
        ({"format": "date"}, "need no format"),
        ({"param_format": "%s"}, "say unix"),
        ({"param_format": "%Y-%m"}, "must tell a day"),
        ({"param_format": "%Q%Y%m%d"}, "%Q is not known"),
        ({"param_format": "%Y-%m-%d %I:%M"}, "go together"),
        ({"param_format": "%Y-%m-%d :%M"}, "need the hour"),
        ({"param_format": "%Y-%m-%d%"}, "is not known"),
        ({"timezone": "Berlin"}, "write Europe/Berlin"),
        ({"param_format": "date", "compare_as": "text"}, "leave out compare_as"),
    ],
)
def test_a_format_that_cannot_be_is_refused(said: dict[str, Any], match: str) -> None:
    with pytest.raises(ValidationError, match=match):
        Incremental.model_validate({"cursor_path": "at"} | said)


def test_windows_of_days_have_whole_days() -> None:
    with pytest.raises(ValidationError, match="whole days"):
        Slices.model_validate({"param_start": "a", "param_end": "b", "days": 0.5, "format": "%Y%m%d"})
