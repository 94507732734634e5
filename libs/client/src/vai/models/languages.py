"""What the platform answers about language models, typed."""

from dataclasses import dataclass, field
from typing import ClassVar

from .answers import Answer, Json


@dataclass(frozen=True, kw_only=True)
class Model(Answer):
    """A language model. `price` is in US dollars for a million tokens; None: nobody knows it."""

    identity: ClassVar[str] = "name"

    name: str
    connection: str
    provider: str
    model: str
    allowed: bool = True
    is_default: bool = False
    price: Json | None = None


@dataclass(frozen=True, kw_only=True)
class ModelConnection(Answer):
    """A connection of a provider of models. `error` is there where it could not be asked."""

    identity: ClassVar[str] = "slug"

    slug: str
    provider: str
    models: int = 0
    error: Json | None = None


@dataclass(frozen=True, kw_only=True)
class Models(Answer):
    """All models of the organisation's connections; `today` is what the day (UTC) has used, and what is left."""

    default: str | None
    models: list[Model] = field(default_factory=list)
    connections: list[ModelConnection] = field(default_factory=list)
    today: Json = field(default_factory=dict)
