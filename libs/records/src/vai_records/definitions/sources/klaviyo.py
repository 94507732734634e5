"""Klaviyo: what a definition may say, and its tables as data.

Limits, page sizes and types are those of Klaviyo's own OpenAPI documents (revision 2026-07-15); the time between
requests is document 000's, "Rate Limiting", and longer where Klaviyo permits 3 requests a second only.
"""

from datetime import date
from typing import Annotated, Final, Literal

from pydantic import Field

from vai_records.definitions.dlt_extract import OwnTables
from vai_records.definitions.source_types import ResourceType, Slicing, SourceType

REVISION: Final = "2026-07-15"

_FIRST: Final = date(2012, 1, 1)
"""Klaviyo is not older."""

_SECONDS, _EVENTS, _FEW = 0.1, 0.02, 0.4

_LATE: Final = 3600.0
"""Seconds before the last event that are read again: senders and queues bring events late."""

Channel = Literal["email", "sms", "mobile_push"]


class Klaviyo(OwnTables):
    """Profiles, events and what belongs to them, by Klaviyo's JSON:API."""

    source: Literal["klaviyo"]
    revision: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}(\.[a-z]+)?$", max_length=30)] = Field(
        default=REVISION, description="The revision of Klaviyo's API that is asked for."
    )
    channels: Annotated[list[Channel], Field(min_length=1, max_length=3)] = Field(
        default=["email", "sms", "mobile_push"], description="Of campaigns: Klaviyo lists them by channel only."
    )
    profile_fields: Annotated[list[Literal["subscriptions", "predictive_analytics"]], Field(max_length=2)] = Field(
        default=[], description="More columns of profiles; predictive_analytics is given out more slowly."
    )


def _times(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "timestamp")


_OWN = _times("created", "updated")
_KEY = ("id",)

SOURCE = SourceType(
    Klaviyo,
    "Klaviyo",
    "Profiles, events, lists, segments, campaigns, flows, metrics, templates and the catalog of a Klaviyo account.",
    "vai_extract_worker.vendors.klaviyo:KlaviyoSource",
    config={
        "type": "object",
        "properties": {
            "base_url": {"description": "Left out: https://a.klaviyo.com."},
            "auth": {"description": "For another way in than a private key, such as OAuth 2; see docs/rest-api.md."},
        },
    },
    credentials={
        "type": "object",
        "properties": {
            "api_key": {"description": "A private key with the scopes that the tables need, to read."},
            "token": {"description": "In its place: an access token of OAuth 2."},
        },
    },
    resources=(
        ResourceType("lists", "XS", None, _KEY, "Lists of profiles.", columns=_OWN),
        ResourceType("segments", "XS", None, _KEY, "Segments, with what defines them.", columns=_OWN),
        ResourceType("metrics", "XS", None, _KEY, "What kinds of events there are.", columns=_OWN),
        ResourceType("tags", "XS", None, _KEY, "Tags of campaigns and lists.", seconds_between_requests=_FEW),
        ResourceType(
            "forms", "XS", None, _KEY, "Sign-up forms.", columns=_times("created_at", "updated_at"),
            seconds_between_requests=_FEW,
        ),
        ResourceType(
            "flows", "S", "updated", _KEY, "Flows, archived ones, too.", columns=_OWN, seconds_between_requests=_FEW
        ),
        ResourceType(
            "campaigns", "S", "updated_at", _KEY, "Campaigns of the channels, archived ones, too.",
            columns=_times("created_at", "updated_at", "scheduled_at", "send_time"),
        ),
        ResourceType("templates", "S", "updated", _KEY, "Templates with their HTML.", columns=_OWN),
        ResourceType("catalog_categories", "S", None, _KEY, "Categories of the catalog.", columns=_times("updated")),
        ResourceType("catalog_items", "M", None, _KEY, "Items of the catalog.", columns=_OWN | {"price": "double"}),
        ResourceType("catalog_variants", "M", None, _KEY, "Variants of items.", columns=_OWN | {"price": "double"}),
        ResourceType(
            "profiles", "L", "updated", _KEY, "People, with their properties and location as JSON.",
            Slicing(90, _FIRST), columns=_OWN | _times("last_event_date"),
        ),
        ResourceType(
            "events", "XL", "datetime", _KEY, "What profiles did, each with its metric_id and profile_id.",
            Slicing(7, _FIRST), lag=_LATE, columns={"timestamp": "bigint"} | _times("datetime"),
            seconds_between_requests=_EVENTS,
        ),
    ),
    defaults={
        "base_url": "https://a.klaviyo.com",
        "auth": {"name": "Authorization", "prefix": "Klaviyo-API-Key"},
        "headers": {"revision": REVISION},
        "test_path": "/api/metrics",
    },
    seconds_between_requests=_SECONDS,
)  # fmt: skip
