"""What an organisation says about the upkeep of its tables, in `settings.upkeep`."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, ValidationError

from vai_records.strict import Strict, short

MOST_TABLES = 200
KEEP_HOURS = 24
"""How long an earlier version can be read where nobody says more; readers that have begun need as much."""

MOST_KEEP_HOURS = 8_760

_Hours = Annotated[int, Field(ge=KEEP_HOURS, le=MOST_KEEP_HOURS)]
_Table = Annotated[str, Field(max_length=300, pattern=r"^(bronze|silver|gold)\..", examples=["gold.sales"])]


class UpkeepRule(Strict):
    """What holds for a table; null: as for all tables of the organisation."""

    model_config = ConfigDict(frozen=True)

    compact: bool | None = Field(default=None, description="Small files are put together. Usually true.")
    keep_hours: _Hours | None = Field(
        default=None, description="How long an earlier version of silver and gold can be read. Usually 24."
    )


class UpkeepSettings(UpkeepRule):
    """What holds for all tables, and for those that are named with their layer (`gold.sales`)."""

    tables: Annotated[dict[_Table, UpkeepRule], Field(max_length=MOST_TABLES), short(MOST_TABLES)] = Field(
        default={}, description="What is different for one table, by its name with the layer."
    )


class Rule(Strict):
    """The rule of one table."""

    model_config = ConfigDict(frozen=True)

    compact: bool = True
    keep_hours: _Hours = KEEP_HOURS


def rule_of(settings: dict[str, Any], table: str) -> Rule:
    """The rule of a table (`gold.sales`) by an organisation's settings, as they are stored.

    What nobody can read removes nothing, and stops nobody (rule 22).
    """
    try:
        said = UpkeepSettings.model_validate(settings.get("upkeep") or {}, strict=False)
    except ValidationError:
        return Rule(compact=False, keep_hours=MOST_KEEP_HOURS)
    own = said.tables.get(table, UpkeepRule())
    compact = next((each for each in (own.compact, said.compact) if each is not None), True)
    return Rule(compact=compact, keep_hours=own.keep_hours or said.keep_hours or KEEP_HOURS)
