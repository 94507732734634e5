"""The providers of models: the address and protocol of each, and what its connection must have.

Which providers there are, and why not more: decision 50.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vai_records.connections.config import BadConfig
from vai_records.connections.credentials import Unusable, base_url

CHAT, RESPONSES, MESSAGES = "chat", "responses", "messages"
"""The protocols: OpenAI's chat completions, OpenAI's responses, Anthropic's messages."""

MOST_LISTED = 200


@dataclass(frozen=True)
class Provider:
    """`address` is used if the connection has no `base_url`. `priced_as` is its name in the price table."""

    name: str
    protocols: tuple[str, ...]
    address: str | None
    needs_key: bool = True
    priced_as: str | None = None


_GOOGLE = "https://generativelanguage.googleapis.com/v1beta/openai"

PROVIDERS: dict[str, Provider] = {
    provider.name: provider
    for provider in (
        Provider("openai", (RESPONSES, CHAT), "https://api.openai.com/v1", priced_as="openai"),
        Provider("anthropic", (MESSAGES,), "https://api.anthropic.com/v1", priced_as="anthropic"),
        Provider("google", (CHAT,), _GOOGLE, priced_as="google"),
        Provider("openai_compatible", (CHAT, RESPONSES), None, needs_key=False),
    )
}
"""By the word that a connection has as its provider. The first protocol is the usual one."""


def protocol_of(provider: Provider, config: Mapping[str, Any]) -> str:
    """By `config.api`, else the provider's usual one."""
    return str(config.get("api") or provider.protocols[0])


def address_of(provider: Provider, config: Mapping[str, Any]) -> str:
    """Where the API is, with its version and without a slash at the end."""
    found = (base_url(config) or provider.address or "").rstrip("/")
    return found + "/v1" if provider.name == "anthropic" and not found.endswith("/v1") else found


def key_of(known: Mapping[str, Any]) -> str | None:
    found = known.get("api_key") or known.get("token")
    return str(found) if found else None


def check(provider: str, config: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Check a connection of a provider of models. Other connections pass. Raises `BadConfig`, `Unusable`."""
    found = PROVIDERS.get(provider)
    if found is None:
        return
    if found.address is None and base_url(config) is None:
        raise BadConfig("give the address of the API, for example http://localhost:11434/v1", ("base_url",))
    if "api" in config and config["api"] not in found.protocols:
        raise BadConfig(f"{provider} speaks {' or '.join(found.protocols)}", ("api",))
    models = config.get("models", [])
    if not isinstance(models, list) or len(models) > MOST_LISTED or not all(_is_name(one) for one in models):
        raise BadConfig(f"a list of at most {MOST_LISTED} names, as the provider writes them", ("models",))
    if found.needs_key and known and key_of(known) is None:
        raise Unusable(f"{provider} needs an api_key", "api_key")


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 300
