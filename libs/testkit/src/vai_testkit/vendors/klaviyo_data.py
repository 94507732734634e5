"""What a Klaviyo account of tests has: events over some days, and a few of everything, some of it odd."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

from vai_testkit.vendors.klaviyo import Account, Json


def filled(begin: datetime, days: int, events: int, profiles: int = 250, seed: int = 7) -> Account:
    """Events over some days, and a few of everything."""
    account, chance = Account(), random.Random(seed)
    moments = sorted(begin + timedelta(seconds=chance.randrange(days * 86_400)) for _ in range(events))
    for number, moment in enumerate(moments):
        who = f"P{chance.randrange(max(1, profiles)):06d}" if number % 50 else None
        account.add_event(number, moment, who, f"M{number % 3}")
    for number in range(profiles):
        account.add("profiles", f"P{number:06d}", _profile(number, begin + timedelta(hours=number // 3)))
    _fill_small(account, begin)
    return account


def _fill_small(account: Account, begin: datetime) -> None:
    at = [_instant(begin + timedelta(days=number)) for number in range(40)]
    for number in range(23):
        own: Json = {
            "name": f"List {number}",
            "created": at[0],
            "updated": at[number],
            "opt_in_process": "double_opt_in",
        }
        account.add("lists", f"L{number:03d}", own)
    for number in range(12):
        own = {"name": f"Segment {number}", "definition": {"condition_groups": []}, "created": at[0]}
        account.add(
            "segments",
            f"S{number:03d}",
            own | {"updated": at[1], "is_active": True, "is_processing": False, "is_starred": False},
        )
    for number in range(3):
        integration = {"object": "integration", "id": "0eMvjm", "name": "Shopify", "category": "eCommerce"}
        own = {"name": f"Placed Order {number}", "created": at[0], "updated": at[0], "integration": integration}
        account.add("metrics", f"M{number}", own)
    for number, channel in enumerate(["email"] * 130 + ["sms"] * 4 + ["mobile_push"]):
        account.add("campaigns", f"C{number:03d}", _campaign(number, channel, at))
    for number in range(7):
        own = {"name": f"Flow {number}", "status": "live", "archived": number == 6, "trigger_type": "Metric"}
        account.add("flows", f"F{number}", own | {"created": at[0], "updated": at[number]})
    for number in range(11):
        own = {"name": f"Template {number}", "editor_type": "CODE", "html": "<p>Grüße 👋</p>", "text": None}
        account.add("templates", f"T{number}", own | {"amp": None, "created": at[0], "updated": at[number]})
    _fill_catalog(account, at)


def _fill_catalog(account: Account, at: list[str]) -> None:
    for number in range(105):
        own: Json = {
            "external_id": f"SKU-{number}",
            "title": f"Item {number}",
            "description": "",
            "price": number * 0.99,
        }
        more: Json = {
            "url": "https://shop.example/x",
            "image_full_url": "https://shop.example/x.png",
            "published": True,
        }
        more |= {"image_thumbnail_url": "", "images": [], "custom_metadata": {"size": number}}
        stamps = {"created": at[0], "updated": at[1]}
        account.add("catalog-items", f"$custom:::$default:::SKU-{number}", own | more | stamps)
        variant = own | more | {"sku": f"V-{number}", "inventory_quantity": 3.5, "inventory_policy": 1} | stamps
        item = {"type": "catalog-item", "id": f"$custom:::$default:::SKU-{number}"}
        account.add("catalog-variants", f"$custom:::$default:::V-{number}", variant, item=item)
    own = {"external_id": "CAT-1", "name": "Shirts", "updated": at[2]}
    account.add("catalog-categories", "$custom:::$default:::CAT-1", own)
    account.add("tags", str(UUID(int=1)), {"name": "Spring"}, **{"tag-group": {"type": "tag-group", "id": "G1"}})
    form = {"name": "Sign up", "status": "live", "ab_test": False, "created_at": at[0], "updated_at": at[1]}
    account.add("forms", "X1", form)
    account.add("accounts", "A1", {"test_account": False, "timezone": "UTC", "public_api_key": "A1", "locale": "en-US"})


def _profile(number: int, updated: datetime) -> Json:
    """Some have no address, some have odd names, all have properties of their own."""
    return {
        "email": f"person{number}@example.com" if number % 9 else None,
        "phone_number": None,
        "external_id": str(number) if number % 4 else None,
        "first_name": "Zoë" if number % 2 else 'O\'Brien, "Jr."',
        "last_name": None,
        "organization": None,
        "locale": None,
        "title": None,
        "image": None,
        "created": _instant(updated - timedelta(days=1)),
        "updated": _instant(updated),
        "last_event_date": _instant(updated) if number % 3 else None,
        "location": {"address1": None, "city": "Köln", "zip": "50667", "latitude": 50.94, "longitude": "6.96"},
        "properties": {"Size": number, "Tags": ["a", None], "Nested": {"x": [number]}},
    }


def _campaign(number: int, channel: str, at: list[str]) -> Json:
    return {
        "name": f"Campaign {number}",
        "status": "Sent",
        "archived": number % 10 == 0,
        "audiences": {"included": ["L001"], "excluded": []},
        "send_options": {"use_smart_sending": True},
        "tracking_options": {"is_add_utm": True, "utm_params": []},
        "send_strategy": {"method": "static", "datetime": at[0], "options": None},
        "created_at": at[0],
        "scheduled_at": None,
        "updated_at": at[number % 40],
        "send_time": at[number % 40],
        "_channel": channel,
    }


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
