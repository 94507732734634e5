"""Chooses the model for a call: the named one, or the organisation's default, if it is allowed."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vai_common.queries import Queries
from vai_records.models.providers import PROVIDERS, Provider
from vai_records.models.settings import ModelSettings, Price

# Both in one statement: it stands before each answer of an agent's model.
_FOUND = """
SELECT o.settings, c.id, c.provider, c.status, c.config
FROM organisations o
LEFT JOIN connections c ON c.org_id = o.id AND c.deleted_at IS NULL
    AND c.slug = split_part(coalesce($2, o.settings -> 'models' ->> 'default'), '/', 1)
WHERE o.id = $1
"""


class NoModel(Exception):
    """No model can be used. The message says what to set or to name."""


@dataclass(frozen=True)
class ModelChoice:
    """`name` is `connection/model`, `model` the provider's own name; `price` is the organisation's, if it has one."""

    name: str
    model: str
    connection_id: UUID
    provider: Provider
    config: dict[str, Any]
    price: Price | None
    settings: ModelSettings


async def choose(conn: Queries, org_id: UUID, wanted: str | None) -> ModelChoice:
    """The model that is `wanted` (as connection/model), None: the organisation's default. Raises `NoModel`."""
    row = await conn.fetchrow(_FOUND, org_id, wanted)
    settings = ModelSettings.of((row["settings"] if row else None) or {})
    name = wanted or settings.default
    if name is None:
        raise NoModel(
            "no model is configured: make a connection of the provider "
            f"{', '.join(PROVIDERS)}, and set the organisation's settings.models.default to connection/model"
        )
    slug, _, model = name.partition("/")
    if not model or row is None or row["id"] is None:
        raise NoModel(f"there is no connection {slug!r} for the model {name!r}: name a model as connection/model")
    provider = PROVIDERS.get(row["provider"])
    if provider is None:
        raise NoModel(f"the connection {slug!r} is of {row['provider']}, which has no models")
    if row["status"] == "disabled":
        raise NoModel(f"the connection {slug!r} is disabled: enable it, or name a model of another one")
    if not settings.allows(name):
        allowed = ", ".join(settings.allowed or ())
        raise NoModel(f"the organisation does not allow the model {name!r}; it allows {allowed or 'none'}")
    return ModelChoice(name, model, row["id"], provider, row["config"], settings.prices.get(name), settings)
