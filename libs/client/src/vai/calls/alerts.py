"""The calls about alert rules, and about the alerts that they send."""

from collections.abc import Sequence

from vai.call import API, PAGE, UNSET, Call, Page, Unset, get_call, given, nothing, offset_list, segment
from vai.models.alerts import Alert, AlertRule
from vai.models.answers import Json


def create(
    name: str,
    tells: Sequence[str],
    channel: Json,
    *,
    filters: Json | None = None,
    is_active: bool | None = None,
    gather_seconds: int | None = None,
    pause_seconds: int | None = None,
    late_seconds: int | None = None,
) -> Call[AlertRule]:
    """Tell people of what happens. `channel` is `{"type": "slack", "url": …}` or another of docs/alerts.md."""
    body = given(
        name=name,
        tells=list(tells),
        channel=channel,
        filters=filters,
        isActive=is_active,
        gatherSeconds=gather_seconds,
        pauseSeconds=pause_seconds,
        lateSeconds=late_seconds,
    )
    return Call("POST", f"{API}/alert-rules", AlertRule.read, body=body)


def get(rule_id: str) -> Call[AlertRule]:
    """The rule with this id."""
    return get_call(f"/alert-rules/{segment(rule_id)}", AlertRule.read)


def rules() -> Call[list[AlertRule]]:
    """All rules of the organisation, newest first."""
    return get_call("/alert-rules", lambda answer: [AlertRule.read(one) for one in answer["alertRules"]])


def update(
    rule_id: str,
    *,
    name: str | None = None,
    tells: Sequence[str] | None = None,
    channel: Json | None = None,
    filters: Json | None = None,
    is_active: bool | None = None,
    gather_seconds: int | None = None,
    pause_seconds: int | None = None,
    late_seconds: int | Unset | None = UNSET,
) -> Call[AlertRule]:
    """Change what is given; a `channel` replaces the old one, secrets and all. `is_active=False` pauses the rule."""
    body = given(
        name=name,
        tells=None if tells is None else list(tells),
        channel=channel,
        filters=filters,
        isActive=is_active,
        gatherSeconds=gather_seconds,
        pauseSeconds=pause_seconds,
    )
    body |= {} if late_seconds is UNSET else {"lateSeconds": late_seconds}
    return Call("PATCH", f"{API}/alert-rules/{segment(rule_id)}", AlertRule.read, body=body)


def delete(rule_id: str) -> Call[None]:
    """What it has not sent is given up."""
    return Call("DELETE", f"{API}/alert-rules/{segment(rule_id)}", nothing)


def test(rule_id: str) -> Call[Alert]:
    """Send a test message, once; `alerts.alert(…)` says what became of it."""
    return Call("POST", f"{API}/alert-rules/{segment(rule_id)}/test", Alert.read)


def listing(
    *, rule: str | None = None, status: str | Sequence[str] | None = None, limit: int = PAGE, offset: int = 0
) -> Call[Page[Alert]]:
    """Alerts of the last 30 days, newest first; those of `status="given_up"` could not be delivered."""
    return offset_list("/alerts", "alerts", Alert, given(rule=rule, status=status, limit=limit), offset)


def alert(alert_id: str) -> Call[Alert]:
    """The alert with this id."""
    return get_call(f"/alerts/{segment(alert_id)}", Alert.read)


def send_again(alert_id: str) -> Call[Alert]:
    """Send one that was given up. Conflict for any other."""
    return Call("POST", f"{API}/alerts/{segment(alert_id)}/send-again", Alert.read)
