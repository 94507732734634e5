"""Klaviyo's own client library reads an account: how many of each, and their ids. Runs in an environment of its own.

python klaviyo_reads.py URL KEY    →    {"events": ["E1", …], …}
"""

import json
import sys
from typing import Any

from klaviyo_api import KlaviyoAPI  # type: ignore[import-not-found]

CHANNEL = "equals(messages.channel,'{}'),equals(archived,{})"


def all_pages(call: Any, **asked: Any) -> list[str]:
    """The ids of all pages, as the library's own models have them."""
    found, cursor = [], None
    while True:
        page = call(page_cursor=cursor, **asked)
        found += [one.id for one in page.data]
        if page.links is None or not page.links.next:
            return found
        cursor = page.links.next.partition("page%5Bcursor%5D=")[2].partition("&")[0]


def read(url: str, key: str) -> dict[str, list[str]]:
    api = KlaviyoAPI(key, max_retries=3, max_delay=1, test_host=url)
    kinds = [(channel, archived) for channel in ("email", "sms", "mobile_push") for archived in ("false", "true")]
    campaigns: list[str] = []
    for kind in kinds:
        campaigns += all_pages(api.Campaigns.get_campaigns, filter=CHANNEL.format(*kind), page_size=100)
    since = "greater-or-equal(datetime,2026-01-01T00:00:00Z)"
    return {
        "profiles": all_pages(api.Profiles.get_profiles, page_size=100, sort="updated"),
        "events": all_pages(api.Events.get_events, filter=since, page_size=1000, sort="datetime"),
        "lists": all_pages(api.Lists.get_lists),
        "segments": all_pages(api.Segments.get_segments),
        "campaigns": campaigns,
        "flows": all_pages(api.Flows.get_flows, filter="equals(archived,false)"),
        "metrics": all_pages(api.Metrics.get_metrics),
        "templates": all_pages(api.Templates.get_templates, sort="updated"),
        "catalog-items": all_pages(api.Catalogs.get_catalog_items),
        "catalog-variants": all_pages(api.Catalogs.get_catalog_variants),
        "catalog-categories": all_pages(api.Catalogs.get_catalog_categories),
        "tags": all_pages(api.Tags.get_tags),
        "forms": all_pages(api.Forms.get_forms),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(read(*sys.argv[1:3])))
