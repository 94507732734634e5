"""What an alert says, the same on every channel: a title, a line for each item, links to the console."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from vai_common.queries import Row
from vai_records.alerts.news import LONGEST_NAME, on_one_line

Json = dict[str, Any]

_COUNTED: Final[Mapping[str, tuple[str, str]]] = {
    "failed": ("1 failed", "{:,} failed"),
    "partial": ("1 failed in part", "{:,} failed in part"),
    "late": ("1 is late", "{:,} are late"),
    "awaiting_approval": ("1 awaits approval", "{:,} await approval"),
    "schedule_missed": ("1 schedule was missed", "{:,} schedules were missed"),
}
_SAID: Final[Mapping[str, str]] = {
    "failed": "Failed",
    "partial": "Failed in part",
    "late": "Late",
    "awaiting_approval": "Awaits approval",
    "schedule_missed": "Schedule missed",
}
_TEST = "This is a test: the rule reaches you."


@dataclass(frozen=True)
class Line:
    """`head` leads to `url`, where there is one; `text` says more."""

    head: str
    text: str
    url: str | None


@dataclass(frozen=True)
class Message:
    """One alert in words. Nothing in it is markup: each channel writes it as plain text."""

    id: str
    title: str
    lines: list[Line]
    more: str
    url: str | None
    body: Json
    """As webhooks get it."""


def message_of(alert: Row, public_url: str) -> Message:
    """Of a claimed alert; without `public_url` it has no links."""
    rule, org = (on_one_line(alert[name], LONGEST_NAME) for name in ("rule_name", "org_name"))
    counts, total = alert["counts"], sum(alert["counts"].values())
    items = [item | {"url": _url(item, public_url)} for item in alert["items"]]
    lines = [Line(_head(item), item["text"], item["url"]) for item in items]
    said = ", ".join(_count(what, counts[what]) for what in _COUNTED if counts.get(what))
    title = f"{org}: {_TEST if alert['is_test'] else said}"
    more = f"… and {total - len(items):,} more" if total > len(items) else ""
    body: Json = {
        "id": str(alert["id"]),
        "title": title,
        "organisation": {"id": str(alert["org_id"]), "name": org},
        "rule": {"id": str(alert["rule_id"]), "name": rule},
        "isTest": alert["is_test"],
        "counts": counts,
        "count": total,
        "items": items,
        "url": public_url or None,
        "createdAt": alert["created_at"].isoformat(),
    }
    last = " · ".join(filter(None, (more, f"Rule: {rule}")))
    return Message(str(alert["id"]), title, lines, last, public_url or None, body)


def _count(what: str, count: int) -> str:
    one, many = _COUNTED[what]
    return one if count == 1 else many.format(count)


def _head(item: Json) -> str:
    name = item["name"]
    if item["runId"] and item["automation"]:
        name = f"{name} (step of {item['automation']})"
    elif not item["runId"]:
        name = f"automation {name}"
    return f"{_SAID.get(item['what'], item['what'])}: {name}"


def _url(item: Json, public_url: str) -> str | None:
    """The page of the console: the run's, or the runs of the automation."""
    if not public_url:
        return None
    if item["runId"]:
        return f"{public_url}/runs/{quote(item['runId'])}"
    return f"{public_url}/runs?automation_id={quote(item['automationId'])}"
