"""Fills a definition with the variables and secrets that it names, when a run is made (decision 73)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from vai_common.queries import Queries
from vai_common.validation_messages import nearest
from vai_records.automations import references
from vai_records.automations.reference_text import BadReference, Reference
from vai_records.automations.references import Filled
from vai_records.refused import Fault, Place, Refused, refused
from vai_records.secrets.keys import Keyring
from vai_records.validation import beside
from vai_records.variables import store
from vai_records.variables.store import SECRETS, VARIABLES

Json = dict[str, Any]

AS_IT_IS = Filled({})
"""For an order in whose definition nothing is to be looked up: it holds what people or programs said."""


@dataclass(frozen=True)
class Known:
    """The names that an organisation has."""

    variables: frozenset[str]
    secrets: frozenset[str]

    def fault_of(self, reference: Reference) -> str | None:
        """What is wrong with a reference to a variable or a secret."""
        table = SECRETS if reference.is_secret else VARIABLES
        there = self.secrets if reference.is_secret else self.variables
        name = reference.path[1]
        if name in there:
            return None
        how = "vai secrets set" if reference.is_secret else "vai vars set"
        known = nearest(name, sorted(there)) if there else f"there are none yet: `{how} {name}` makes it"
        return f"{reference.text}: there is no {table.noun} {name!r}; {known}"


async def known(conn: Queries, org_id: UUID) -> Known:
    return Known(await store.names(conn, VARIABLES, org_id), await store.names(conn, SECRETS, org_id))


@dataclass
class Values:
    """Values that have been read, so that many runs together ask only once for the same."""

    variables: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)

    async def learn(self, conn: Queries, keyring: Keyring, org_id: UUID, wanted: Iterable[Reference]) -> bool:
        """Reads what is not known yet; whether all are there. Raises `SecretError`."""
        of = {True: set[str](), False: set[str]()}
        for reference in wanted:
            of[reference.is_secret].add(reference.path[1])
        if missing := of[False] - self.variables.keys():
            for row in await store.values(conn, VARIABLES, org_id, sorted(missing)):
                self.variables[row["name"]] = row["value"]
        if missing := of[True] - self.secrets.keys():
            for row in await store.values(conn, SECRETS, org_id, sorted(missing)):
                self.secrets[row["name"]] = keyring.decrypt(row["value"], org_id, row["id"]).decode()
        return of[False] <= self.variables.keys() and of[True] <= self.secrets.keys()

    @property
    def roots(self) -> Json:
        return {"vars": self.variables, "secrets": self.secrets}


async def filled(
    conn: Queries,
    keyring: Keyring,
    org_id: UUID,
    work: tuple[str, Json, Place],
    values: Values,
    only: frozenset[references.Place] | None = None,
) -> Filled:
    """The definition of a plain run, `work` is its kind, the definition and where it stands.

    Nothing is looked up but at `only`, where that is given. Raises `Refused` with each place that names what is not
    there, `SecretError`.
    """
    kind, definition, loc = work
    judge = partial(_named, kind, definition, loc, only)
    named = await beside.judged(org_id, definition, judge)
    wanted = [reference for _, reference in named]
    if not await values.learn(conn, keyring, org_id, wanted):
        await _refuse_unknown(conn, org_id, loc, named)

    def fill() -> Filled:
        look_up = partial(Reference.look_up, values=values.roots)
        try:
            return references.fill(kind, definition, look_up, plain=True, only=only)
        except BadReference as error:
            raise refused(loc, str(error), "bad_reference") from error

    return await beside.judged(org_id, definition, fill)


async def check(conn: Queries, org_id: UUID, kind: str, definition: Json, loc: Place) -> None:
    """Raises `Refused` for what a definition that is saved names and is not there, or stands in a wrong place."""
    if named := _named(kind, definition, loc, None):
        await _refuse_unknown(conn, org_id, loc, named)


def _named(
    kind: str, definition: Mapping[str, Any], loc: Place, only: frozenset[references.Place] | None
) -> list[tuple[references.Place, Reference]]:
    try:
        found = list(references.references_in(definition, kind=kind, plain=True, only=only))
    except BadReference as error:
        raise refused(loc, str(error), "bad_reference") from error
    for place, reference in found:
        if not reference.is_named:
            message = f"{reference.text} is of an automation; a run of its own has $/vars/… and $/secrets/…"
            raise refused((*loc, *place), message, "bad_reference")
        if (wrong := references.secret_fault(kind, place, reference)) is not None:
            raise refused((*loc, *place), wrong, "secret_place")
    return found


async def _refuse_unknown(
    conn: Queries, org_id: UUID, loc: Place, named: Iterable[tuple[references.Place, Reference]]
) -> None:
    there = await known(conn, org_id)
    faults: list[Fault] = [
        ((*loc, *place), wrong, "unknown_reference")
        for place, reference in named
        if (wrong := there.fault_of(reference)) is not None
    ]
    if faults:
        raise Refused(faults)
