"""Makes a free slug for an object that is created without one, so that two may have the same name."""

from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.problems import Problem
from vai_common.ids import uuid7
from vai_records.catalogue.naming import Table, free_slug, slug_of
from vai_records.refused import refused

_Made = TypeVar("_Made")
_TRIES = 10
LONGEST_TOOL = 64
"""Characters of the name of a tool that every client of MCP takes."""


class SlugMet(Exception):
    """Another object has the slug. `problem` is the answer if the client gave the slug."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


async def with_slug(
    gateway: Gateway,
    table: Table,
    org_id: UUID,
    named: tuple[str | None, str, str],
    save: Callable[[str], Awaitable[_Made]],
) -> _Made:
    """What `save` makes under a slug. `named`: the slug that was given, else the name, and what stands in for it.

    `save` raises `SlugMet` where the slug is taken. One that was made of the name is made anew then: somebody else was
    faster. Where many are made at the same moment somebody always is, so the last one is made by chance.
    """
    given, name, otherwise = named
    left = _TRIES if given is None else 1
    while True:
        slug = given or await free_slug(gateway.pool, table, org_id, slug_of(name, otherwise))
        left -= 1
        if given is None and not left:
            slug = f"{slug[: LONGEST_TOOL - 13]}-{uuid7().hex[-12:]}"
        try:
            return await save(slug)
        except SlugMet as met:
            if not left:
                raise met.problem from met


def refuse_long_name(slug: str, *, expose: bool) -> None:
    """Raises `Refused` for what is to be a tool over MCP and cannot be called by its slug."""
    if expose and len(slug) > LONGEST_TOOL:
        message = f"its slug is the tool's name, which has at most {LONGEST_TOOL} characters; this one has {len(slug)}"
        raise refused(("body", "slug"), message)
