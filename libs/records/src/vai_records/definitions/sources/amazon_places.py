"""Where Amazon sells, and which address of the Selling Partner API serves it.

From https://developer-docs.amazon.com/sp-api/docs/marketplace-ids and .../sp-api-endpoints.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from vai_records.definitions.source_types import WrongConfig

Json = dict[str, Any]

TOKEN_URL: Final = "https://api.amazon.com/auth/o2/token"
TOKEN_HEADER: Final = "x-amz-access-token"
TEST_PATH: Final = "/sellers/v1/marketplaceParticipations"

_NA = {"BR": "A2Q3Y263D00KWC", "CA": "A2EUQ1WTGCTBG2", "MX": "A1AM78C64UM0Y8", "US": "ATVPDKIKX0DER"}
_EU = {
    "AE": "A2VIGQ35RCS4UG",
    "BE": "AMEN7PMS3EDWL",
    "DE": "A1PA6795UKMFR9",
    "EG": "ARBP9OOSHTCHU",
    "ES": "A1RKKUPIHCS9HS",
    "FR": "A13V1IB3VIYZZH",
    "GB": "A1F83G8C2ARO7P",
    "IE": "A28R8C7NBKEWEA",
    "IN": "A21TJRUUN4KGV",
    "IT": "APJ6JRA9NG5V4",
    "NL": "A1805IZSGTT6HS",
    "PL": "A1C3SOZRARQ6R3",
    "SA": "A17E79C6D8DWNP",
    "SE": "A2NODRKZP88ZB9",
    "TR": "A33AVAJ2PDY3EV",
    "ZA": "AE08WJ6YKNBMC",
}
_FE = {"AU": "A39IBJ37TRP1C6", "JP": "A1VC38T7YXB528", "SG": "A19VAU5U5O7RUS"}

REGIONS: Final = {"na": _NA, "eu": _EU, "fe": _FE}
"""Countries and ids of marketplaces, by region."""

_IDS: Final = {country: one for known in REGIONS.values() for country, one in known.items()} | {"UK": _EU["GB"]}
_REGION_OF: Final = {one: region for region, known in REGIONS.items() for one in known.values()}


def marketplace_id(word: str) -> str:
    """The id of a marketplace that is named by its country (`DE`) or its id. Raises ValueError for any other word."""
    found = _IDS.get(word.upper(), word)
    if found not in _REGION_OF:
        countries = ", ".join(sorted(_IDS))
        raise ValueError(f"{word[:40]!r} is no marketplace of Amazon: give a country ({countries}) or its id")
    return found


def region_of(ids: Sequence[str]) -> str | None:
    """The one region of marketplaces; None where there are none. Raises ValueError where they are of several."""
    regions = sorted({_REGION_OF[one] for one in ids})
    if len(regions) > 1:
        raise ValueError(
            f"marketplaces of {' and '.join(regions)} need a connection each: each region has its own keys"
        )
    return regions[0] if regions else None


def completed(config: Mapping[str, Any]) -> Json:
    """A connection's config with what follows from its `region` and `marketplaces`: address, token address, test path.

    Raises `WrongConfig`.
    """
    ids = _marketplaces(config.get("marketplaces"))
    try:
        of_ids = region_of(ids)
    except ValueError as error:
        raise WrongConfig(str(error), "marketplaces") from error
    region = str(config.get("region") or of_ids or "").lower()
    if region and region not in REGIONS:
        raise WrongConfig(f"region is {', '.join(REGIONS)}", "region")
    if region in REGIONS and of_ids not in (None, region):
        raise WrongConfig(f"the marketplaces are of the region {of_ids}, and region is {region}", "region")
    auth = config.get("auth") or {}
    if not isinstance(auth, Mapping):
        raise WrongConfig("auth is an object", "auth")
    given = {name: value for name, value in config.items() if value is not None}
    if given.get("base_url") in [_address(one) for one in REGIONS]:
        del given["base_url"]  # which this function wrote before: the region says it
    if region not in REGIONS and "base_url" not in given:
        raise WrongConfig("say which region (na, eu, fe), or name marketplaces", "region")
    made = {
        "base_url": _address(region),
        "test_path": TEST_PATH,
        **given,
        "auth": {"type": "oauth2_refresh_token", "access_token_url": TOKEN_URL, "name": TOKEN_HEADER, **auth},
    }
    return made | ({"region": region} if region in REGIONS else {})


def _address(region: str) -> str:
    return f"https://sellingpartnerapi-{region}.amazon.com"


def _marketplaces(given: Any) -> list[str]:
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise WrongConfig("marketplaces is a list of countries or ids", "marketplaces")
    try:
        return [marketplace_id(one) for one in given]
    except ValueError as error:
        raise WrongConfig(str(error), "marketplaces") from error
