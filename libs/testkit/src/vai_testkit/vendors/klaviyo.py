"""A Klaviyo account: its JSON:API over HTTP, with its filters, cursors, limits and errors (revision 2026-07-15).

    with serving() as api:
        account = Account()
        api.default = account.answer
        … api.url …

What each endpoint takes is Klaviyo's own OpenAPI's; `make check-vendors` has Klaviyo's client library read it.
"""

import base64
import binascii
import json
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from vai_common.clock import steady_seconds
from vai_testkit.servers.json_api import Ask, Say

Json = dict[str, Any]

_TIMES = ("greater-or-equal", "greater-than", "less-or-equal", "less-than")
_STRICT = ("greater-than", "less-than")
_CALL = re.compile(r"([a-z-]+)\(([\w.]+),((?:[^(),'\"]|'[^']*'|\"[^\"]*\")*)\)")


@dataclass(frozen=True)
class Endpoint:
    """What an endpoint takes: page sizes (default, most), filters by field, sorts, limits (a second, a minute)."""

    type: str
    sizes: tuple[int, int] | None
    filters: Mapping[str, Sequence[str]]
    sorts: Sequence[str]
    burst: int
    steady: int
    scope: str
    needs: str = ""
    more: Sequence[str] = ()
    sized_from: str = ""
    """The revision from which on it takes page[size]."""


def _endpoint(
    kind: str, sizes: tuple[int, int] | None, sorts: str, limits: tuple[int, int], **filters: Any
) -> Endpoint:
    more = filters.pop("more", ())
    needs = filters.pop("needs", "")
    scope, sized_from = filters.pop("scope"), filters.pop("sized_from", "")
    named = {name.replace("__", "."): tuple(ops) for name, ops in filters.items()}
    return Endpoint(kind, sizes, named, tuple(sorts.split()), *limits, scope, needs, more, sized_from)


_SIZED: Final = "2026-07-15"
"""From this revision on every endpoint takes a page size."""

ENDPOINTS: Final[dict[str, Endpoint]] = {
    "profiles": _endpoint(
        "profile", (20, 100), "id created updated email", (75, 750), scope="profiles:read", id=("any", "equals"),
        email=("any", "equals"), created=_STRICT, updated=_STRICT, more=("additional-fields[profile]",),
    ),
    "events": _endpoint(
        "event", (200, 1000), "datetime timestamp", (350, 3500), sized_from="2026-04-15",
        scope="events:read", metric_id=("equals",),
        profile_id=("equals",), datetime=_TIMES, timestamp=_TIMES,
    ),
    "lists": _endpoint(
        "list", (10, 10), "id created name updated", (75, 750), sized_from=_SIZED,
        scope="lists:read", name=("any", "equals"),
        created=("greater-than",), updated=("greater-than",),
    ),
    "segments": _endpoint(
        "segment", (10, 10), "id created name updated", (75, 750), sized_from=_SIZED,
        scope="segments:read", is_active=("any", "equals"),
    ),
    "campaigns": _endpoint(
        "campaign", (100, 100), "created_at id name scheduled_at updated_at", (10, 150), sized_from=_SIZED,
        scope="campaigns:read",
        messages__channel=("equals",), archived=("equals",), created_at=_TIMES, updated_at=_TIMES,
        scheduled_at=_TIMES, needs="messages.channel",
    ),
    "flows": _endpoint(
        "flow", (50, 50), "created id name status trigger_type updated", (3, 60), scope="flows:read",
        archived=("equals",), created=("equals", *_TIMES), updated=("equals", *_TIMES),
    ),
    "metrics": _endpoint("metric", None, "", (10, 150), scope="metrics:read", integration__name=("equals",)),
    "templates": _endpoint(
        "template", (10, 10), "created id name updated", (75, 750), sized_from=_SIZED,
        scope="templates:read",
        created=("equals", *_TIMES), updated=("equals", *_TIMES),
    ),
    "tags": _endpoint(
        "tag", (50, 50), "id name", (3, 60), sized_from=_SIZED,
        scope="tags:read", name=("contains", "equals"),
    ),
    "forms": _endpoint(
        "form", (20, 100), "created_at updated_at", (3, 60), scope="forms:read", updated_at=_TIMES, created_at=_TIMES,
    ),
    "catalog-items": _endpoint(
        "catalog-item", (100, 100), "created", (350, 3500), sized_from=_SIZED,
        scope="catalogs:read",
    ),
    "catalog-variants": _endpoint(
        "catalog-variant", (100, 100), "created", (350, 3500), sized_from=_SIZED,
        scope="catalogs:read",
    ),
    "catalog-categories": _endpoint(
        "catalog-category", (100, 100), "created", (350, 3500), sized_from=_SIZED,
        scope="catalogs:read",
    ),
    "accounts": _endpoint("account", None, "", (1, 15), scope="accounts:read"),
}  # fmt: skip

_PAGE_OF_METRICS: Final = 200


class _Refused(Exception):
    def __init__(
        self, status: int, code: str, title: str, detail: str, source: Json, headers: Json | None = None
    ) -> None:
        super().__init__(detail)
        self.say = Say(
            {"errors": [{"id": str(UUID(int=status)), "status": status, "code": code, "title": title, "detail": detail,
                         "source": source, "links": {}, "meta": {}}]},
            status,
            {"Content-Type": "application/vnd.api+json", **(headers or {})},
        )  # fmt: skip


def _invalid(detail: str, parameter: str) -> _Refused:
    return _Refused(400, "invalid", "Invalid input.", detail, {"parameter": parameter})


@dataclass
class Account:
    """What an account has, by endpoint. `limits` false: nothing is too often. `asked`: when each request came (steady
    seconds), by endpoint; `refused` counts the answers 429."""

    key: str = "pk_0123456789abcdef0123456789abcdef01"
    token: str = "klaviyo-oauth-token"
    scopes: set[str] = field(default_factory=lambda: {one.scope for one in ENDPOINTS.values()})
    revisions: tuple[str, ...] = ("2025-01-15", "2025-10-15", "2026-01-15", "2026-04-15", "2026-07-15", "2026-10-15")
    limits: bool = True
    data: dict[str, list[Json]] = field(default_factory=lambda: {name: [] for name in ENDPOINTS})
    asked: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refused: int = 0
    retry_after: Callable[[float], str] = field(default=lambda seconds: str(max(1, int(seconds + 0.999))))
    forgets_cursors: bool = False

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    # Its protocol ---------------------------------------------------------------------------------------------------

    def answer(self, ask: Ask) -> Say:
        try:
            return self._answer(ask)
        except _Refused as refused:
            return refused.say

    def _answer(self, ask: Ask) -> Say:
        self._authenticate(ask.headers.get("authorization", ""))
        name = ask.path.removeprefix("/api/").strip("/")
        if not ask.path.startswith("/api/") or name not in ENDPOINTS:
            detail = "The path requested could not be found."
            raise _Refused(404, "not_found", "Not found.", detail, {"pointer": "/data/"})
        endpoint = ENDPOINTS[name]
        if ask.method != "GET":
            raise _Refused(405, "method_not_allowed", "Method not allowed.", f'Method "{ask.method}" not allowed.', {})
        if endpoint.scope not in self.scopes:
            detail = f"The API key is missing the required scope: {endpoint.scope}"
            raise _Refused(403, "permission_denied", "You do not have permission to perform this action.", detail, {})
        revision = ask.headers.get("revision", "")
        if revision.partition(".")[0] not in self.revisions:
            detail = "The revision header is missing." if not revision else f"{revision} is not a valid revision."
            raise _invalid(detail, "revision")
        headers = self._count(name, endpoint)
        return Say(self._page(ask, name, endpoint, revision), 200, headers)

    def _authenticate(self, given: str) -> None:
        scheme, _, value = given.partition(" ")
        if scheme not in ("Klaviyo-API-Key", "Bearer"):
            detail = "Missing or invalid authorization scheme. Please use Klaviyo-API-Key."
            title = "Authentication credentials were not provided."
            raise _Refused(401, "not_authenticated", title, detail, {"pointer": "/data/"})
        if value != (self.key if scheme == "Klaviyo-API-Key" else self.token):
            text = "Incorrect authentication credentials."
            raise _Refused(401, "authentication_failed", text, text, {"pointer": "/data/"})

    def _count(self, name: str, endpoint: Endpoint) -> dict[str, str]:
        """Both windows are fixed: of a second, and of a minute. Raises 429."""
        with self._lock:
            moment, before = steady_seconds(), self.asked[name]
            windows = ((1, endpoint.burst), (60, endpoint.steady)) if self.limits else ()
            for seconds, most in windows:
                begin = moment - moment % seconds
                if sum(one >= begin for one in before[-most - 1 :]) >= most:
                    self.refused += 1
                    left = begin + seconds - moment
                    detail = f"Request was throttled. Expected available in {int(left) + 1} second(s)."
                    again = {"Retry-After": self.retry_after(left)}
                    raise _Refused(429, "throttled", "Request was throttled.", detail, {"pointer": "/data/"}, again)
            before.append(moment)
            begin = moment - moment % 60
            used = sum(one >= begin for one in before[-endpoint.steady :])
        told = {"Content-Type": "application/vnd.api+json"}
        if self.limits:
            told |= {
                "RateLimit-Limit": f"{endpoint.burst}, {endpoint.burst};w=1, {endpoint.steady};w=60",
                "RateLimit-Remaining": str(max(0, endpoint.steady - used)),
                "RateLimit-Reset": str(int(begin + 60 - moment) + 1),
            }
        return told

    def _page(self, ask: Ask, name: str, endpoint: Endpoint, revision: str) -> Json:
        query = {key: value for key, value in ask.query.items() if value != ""}
        known = {"filter", "sort", "page[cursor]", *endpoint.more}
        known |= {"page[size]"} if endpoint.sizes and revision >= endpoint.sized_from else set()
        for parameter in query:
            if parameter not in known and not parameter.startswith(("fields[", "include")):
                raise _invalid(f"'{parameter}' is not a valid parameter for this endpoint.", parameter)
        rows = self._filtered(query.get("filter", ""), name, endpoint, revision)
        order = query.get("sort", "")
        field_, falling = order.removeprefix("-"), order.startswith("-")
        if order and field_ not in endpoint.sorts:
            raise _invalid(f"'{order}' is not a valid sort.", "sort")
        rows.sort(key=lambda row: _place(row, field_), reverse=falling)
        size = _size(query.get("page[size]"), endpoint)
        rows = self._after(rows, query.get("page[cursor]"), field_, falling)
        page, rest = rows[:size], rows[size:]
        base = f"http://{ask.headers.get('host', 'localhost')}{ask.path}"
        return {
            "data": [self._shown(one, base, query) for one in page],
            "links": {
                "self": _link(base, query),
                "next": _link(base, query | {"page[cursor]": _cursor(page[-1], field_)}) if rest else None,
                "prev": None,
            },
        }

    def _after(self, rows: list[Json], cursor: str | None, by: str, falling: bool) -> list[Json]:
        if cursor is None:
            return rows
        try:
            moment, last = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        except (ValueError, binascii.Error):
            raise _invalid("Invalid cursor provided.", "page[cursor]") from None
        if self.forgets_cursors:
            raise _invalid("Invalid cursor provided.", "page[cursor]")
        place = (moment, last)
        return [row for row in rows if (_place(row, by) < place if falling else _place(row, by) > place)]

    def _filtered(self, text: str, name: str, endpoint: Endpoint, revision: str) -> list[Json]:
        tests = _parsed(text, endpoint)
        named = {field_ for _, field_, _ in tests}
        if endpoint.needs and endpoint.needs not in named and revision < "2026-10-15":
            detail = f"A channel filter is required to list campaigns: {endpoint.needs}"
            raise _invalid(detail, "filter")
        found = self.data[name]
        if name in ("campaigns", "flows") and "archived" not in named:
            found = [row for row in found if not row["attributes"]["archived"]]
        return [row for row in found if all(_meets(row, *test) for test in tests)]

    def _shown(self, row: Json, base: str, query: Mapping[str, str]) -> Json:
        attributes = {key: value for key, value in row["attributes"].items() if not key.startswith("_")}
        if wanted := query.get("additional-fields[profile]"):
            attributes |= {name: {"of": row["id"]} for name in wanted.split(",")}
        related = {
            name: {"data": data, "links": {"self": f"{base}/{row['id']}/relationships/{name}/", "related": base}}
            for name, data in row.get("relationships", {}).items()
        }
        return {
            "type": row["type"],
            "id": row["id"],
            "attributes": attributes,
            "relationships": related,
            "links": {"self": f"{base}/{row['id']}/"},
        }

    # Its data -------------------------------------------------------------------------------------------------------

    def add(self, endpoint: str, id_: str, attributes: Json, **relationships: Json | None) -> Json:
        row = {"type": ENDPOINTS[endpoint].type, "id": id_, "attributes": attributes, "relationships": relationships}
        self.data[endpoint].append(row)
        return row

    def add_event(self, number: int, moment: datetime, profile: str | None = "P1", metric: str = "M1") -> Json:
        """`value` is a number in some and text in others, as senders have it."""
        value: Any = number % 97 if number % 5 else f"{number % 97}.50 €"
        attributes = {
            "timestamp": int(moment.timestamp()),
            "event_properties": {"$event_id": str(number), "value": value, "items": ["a", {"b": number}]},
            "datetime": moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00"),
            "uuid": str(UUID(int=number)),
        }
        of = {"data": {"type": "profile", "id": profile}}["data"] if profile else None
        return self.add("events", f"E{number:08d}", attributes, profile=of, metric={"type": "metric", "id": metric})


# Filters, sorts and pages -------------------------------------------------------------------------------------------


def _parsed(text: str, endpoint: Endpoint) -> list[tuple[str, str, str]]:
    """(operator, field, argument) of `a(…),b(…)` or `and(a(…),b(…))`. Raises 400."""
    inner = text[4:-1] if text.startswith("and(") and text.endswith(")") else text
    found, at = [], 0
    while at < len(inner):
        call = _CALL.match(inner, at)
        if not call:
            raise _invalid("Invalid filter provided.", "filter")
        operator, field_, argument = call.groups()
        if operator not in endpoint.filters.get(field_, ()):
            detail = f"Invalid filter provided: '{field_}' does not support the operator '{operator}'."
            raise _invalid(detail, "filter")
        if operator in _TIMES and argument[:1] in "'\"":
            raise _invalid(f"Invalid filter provided: {argument} is not a datetime.", "filter")
        found.append((operator, field_, argument))
        at = call.end() + (inner[call.end() : call.end() + 1] == ",")
    return found


def _value(row: Json, field_: str) -> Any:
    if field_ == "id":
        return row["id"]
    if field_ == "messages.channel":
        return row["attributes"]["_channel"]
    if field_.endswith("_id") and (related := row["relationships"].get(field_[:-3])) is not None:
        return related["id"]
    return row["attributes"].get(field_)


def _meets(row: Json, operator: str, field_: str, argument: str) -> bool:
    value = _value(row, field_)
    if operator == "equals":
        wanted = argument.strip("'\"")
        return str(value).lower() == wanted if isinstance(value, bool) else value == wanted
    if value is None:
        return False
    mine, theirs = (_moment(value), _moment(argument)) if field_ != "timestamp" else (value, float(argument))
    return bool({
        "greater-or-equal": mine >= theirs, "greater-than": mine > theirs, "less-or-equal": mine <= theirs,
        "less-than": mine < theirs,
    }[operator])  # fmt: skip


def _moment(text: str) -> Any:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise _invalid(f"Invalid filter provided: {text} is not a datetime.", "filter") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _place(row: Json, by: str) -> tuple[str, str]:
    return (str(_value(row, by) or "") if by else "", row["id"])


def _cursor(row: Json, by: str) -> str:
    return base64.urlsafe_b64encode(json.dumps(_place(row, by)).encode()).decode()


def _size(given: str | None, endpoint: Endpoint) -> int:
    default, most = endpoint.sizes or (_PAGE_OF_METRICS, _PAGE_OF_METRICS)
    if given is None:
        return default
    if not given.isascii() or not given.isdigit() or not 1 <= int(given) <= most:
        raise _invalid(f"Page size must be an integer between 1 and {most}.", "page[size]")
    return int(given)


def _link(base: str, query: Mapping[str, str]) -> str:
    return f"{base}?{urlencode(query)}" if query else base
