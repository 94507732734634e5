"""The price of a call: the organisation's own price, else the one in the table of the package genai-prices."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vai_records.models.choice import ModelChoice
from vai_records.models.providers import Provider, address_of
from vai_records.models.settings import ModelSettings

MILLION = 1_000_000


@dataclass(frozen=True)
class Priced:
    """US dollars for a million tokens; `source` is `settings` or `table`."""

    input_per_million: float
    output_per_million: float
    source: str


@dataclass(frozen=True)
class _Used:
    """The use of a call, in the form that the price table needs."""

    input_tokens: int
    output_tokens: int
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    input_audio_tokens: None = None
    cache_audio_read_tokens: None = None
    output_audio_tokens: None = None
    requests: int = 1


def cost_of(
    choice: ModelChoice, input_tokens: int, output_tokens: int, cache_read: int = 0, cache_write: int = 0
) -> float | None:
    """US dollars. None if the model's price is not known. `input_tokens` include those from the provider's cache."""
    if choice.price is not None:
        return choice.price.of(input_tokens, output_tokens)
    used = _Used(input_tokens, output_tokens, cache_read or None, cache_write or None)
    return _by_table(choice.model, choice.provider, choice.config, used)


def price_of(settings: ModelSettings, name: str, provider: Provider, config: Mapping[str, Any]) -> Priced | None:
    """The price of a model (`connection/model`). None if it is not known."""
    if (own := settings.prices.get(name)) is not None:
        return Priced(own.input_per_million, own.output_per_million, "settings")
    model = name.partition("/")[2]
    costs = [_by_table(model, provider, config, used) for used in (_Used(MILLION, 0), _Used(0, MILLION))]
    return None if costs[0] is None or costs[1] is None else Priced(costs[0], costs[1], "table")


def _by_table(model: str, provider: Provider, config: Mapping[str, Any], used: _Used) -> float | None:
    import genai_prices  # a quarter of a second, and 11 MB

    where: dict[str, Any] = {"provider_id": provider.priced_as}
    if provider.priced_as is None:
        where = {"provider_api_url": address_of(provider, config)}
    try:
        found = genai_prices.calc_price(used, model, **where)
    except LookupError:
        return None
    return float(found.total_price)
