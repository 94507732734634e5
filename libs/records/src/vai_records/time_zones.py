"""Time zones as people name them."""

from functools import cache
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field


def _zone(value: str) -> str:
    """The zone. Raises ValueError for another word."""
    if value not in _zones():
        meant = _meant_zone(value) or "Europe/Berlin, say"
        raise ValueError(f"{value!r} is not a time zone of the IANA database: write {meant}")
    return value


def _meant_zone(value: str) -> str | None:
    """The zone that is written so in other letters (`europe/berlin`), or the first that is called so (`New York`)."""
    wanted = value.strip().replace(" ", "_").casefold()
    known = sorted(_zones(), key=lambda name: (name.casefold() != wanted, name))
    return next((name for name in known if wanted in (name.casefold(), name.rpartition("/")[2].casefold())), None)


@cache
def _zones() -> frozenset[str]:
    """Without what is no place: `localtime` is another zone on each machine, `right/…` counts leap seconds."""
    return frozenset(available_timezones() - {"Factory", "localtime"})


TimeZone = Annotated[str, Field(max_length=100), AfterValidator(_zone)]
