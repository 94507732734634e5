"""An organisation's settings of models (`settings.models`)."""

from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field

from vai_records.strict import Number, Strict, short

MOST_NAMES = 200


def _named(value: str) -> str:
    slug, separator, name = value.partition("/")
    if not (slug and separator and name):
        raise ValueError("name a model as connection/model: the connection's slug, a slash, the provider's name of it")
    return value


ModelName = Annotated[str, Field(min_length=3, max_length=400, examples=["openai/gpt-5-mini"]), AfterValidator(_named)]
"""The slug of a connection, a slash, and the name by which the provider knows the model (which may have slashes)."""


class Price(Strict):
    """What a million tokens cost, in US dollars."""

    model_config = ConfigDict(frozen=True)

    input_per_million: Number = Field(ge=0, le=1_000_000)
    output_per_million: Number = Field(ge=0, le=1_000_000)

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """US dollars."""
        return (self.input_per_million * input_tokens + self.output_per_million * output_tokens) / 1_000_000


class ModelSettings(Strict):
    """`allowed` may have patterns (`openai/*`); null: all models of the organisation's connections."""

    model_config = ConfigDict(frozen=True)

    default: ModelName | None = Field(default=None, description="The model where none is named.")
    allowed: Annotated[list[ModelName], Field(max_length=MOST_NAMES), short(MOST_NAMES)] | None = Field(
        default=None, description="Which models may be used, as connection/model; * stands for any text. Null: all."
    )
    prices: Annotated[dict[ModelName, Price], Field(max_length=MOST_NAMES), short(MOST_NAMES)] = Field(
        default={}, description="US dollars for a million tokens; for all others the built-in table says the price."
    )
    tokens_per_day: Annotated[int, Field(ge=1, le=10**15)] | None = Field(
        default=None, description="Tokens that all calls of a day (UTC) may use together. Null: no limit."
    )
    money_per_day: Annotated[Number, Field(gt=0, le=10**9)] | None = Field(
        default=None, description="US dollars that all calls of a day (UTC) may cost together. Null: no limit."
    )

    @classmethod
    def of(cls, settings: dict[str, Any]) -> "ModelSettings":
        """Read from an organisation's stored settings."""
        return cls.model_validate(settings.get("models") or {}, strict=False)

    def allows(self, name: str) -> bool:
        return self.allowed is None or any(_fits(name, pattern.split("*")) for pattern in self.allowed)


def _fits(name: str, parts: list[str]) -> bool:
    """Whether a name matches a pattern. `*` is any text; all other characters mean themselves."""
    first, *between = parts
    if not between:
        return name == first
    last, place = between.pop(), len(first)
    if not (name.startswith(first) and name.endswith(last)) or len(name) < len(first) + len(last):
        return False
    end = len(name) - len(last)
    for part in between:
        found = name.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return True
