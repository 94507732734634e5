"""Signing in with email and password. Limited in rate, and as slow for an unknown email as for a known one."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from math import ceil
from typing import TypeVar

import structlog
from fastapi import Request

from vai_api_gateway.audit.audit_log import AuditLog
from vai_api_gateway.auth.addresses import address_of
from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.problems import Problem
from vai_common import clock
from vai_common.batcher import Overloaded
from vai_common.queries import Pool
from vai_records.audit.entries import What
from vai_records.people import passwords, sign_in
from vai_records.people.emails import NoEmail, email_of
from vai_records.people.people import Role
from vai_records.people.sign_in import Account

_log = structlog.get_logger()

T = TypeVar("T")

_AT_ONCE = 2
_MOST_WAITING = 50
_TRIED = 2
"""How many accounts of an email are tried if no organisation is named."""


class PasswordDesk:
    """Hashes in threads, two at a time: each takes 19 MiB and tens of milliseconds, and needs no credential."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def hashed(self, password: str) -> str:
        """Raises `Overloaded`, as `fits` does, when too many wait."""
        return await self._do(lambda: passwords.hashed(password))

    async def fits(self, stored: str | None, password: str) -> bool:
        return await self._do(lambda: passwords.fits(stored, password))

    async def _do(self, work: Callable[[], T]) -> T:
        if self._waiting >= _MOST_WAITING:
            raise Overloaded
        self._waiting += 1
        try:
            async with self._room:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1


class SignIns:
    """`proxies` is how many proxies of ours stand in front and add to X-Forwarded-For."""

    def __init__(self, pool: Pool, desk: PasswordDesk, proxies: int, hours: float) -> None:
        self._pool = pool
        self._audit = AuditLog(pool, proxies)
        self._writing: set[asyncio.Task[None]] = set()
        self._desk = desk
        self._proxies = proxies
        self._hours = hours

    async def principal(self, request: Request, email: str, password: str, organisation: str | None) -> Principal:
        """The principal. Raises `Problem` 401 with the same message for every mistake, 429 after too many tries."""
        address, known_as = address_of(request, self._proxies), _plain(email)
        wait = await sign_in.take(self._pool, address, known_as)
        if wait is not None:
            _log.warning("sign_in_throttled", address=address)
            raise _too_many(wait)
        tried, found = await self._account(known_as, password, organisation)
        if found is None:
            self._note_failure(request, tried)
            raise _refused()
        await sign_in.succeeded(self._pool, address, known_as)
        if passwords.is_old(found.password_hash):
            await sign_in.store_hash(self._pool, found, await self._desk.hashed(password))
        return self._principal(found)

    def _note_failure(self, request: Request, tried: Sequence[Account]) -> None:
        """An entry in the audit log of each organisation whose account was tried.

        It is written beside the answer, which must not take longer for an email that is known somewhere.
        """

        async def write() -> None:
            for one in tried:
                who = self._audit.person(request, one.org_id, one.user_id)
                try:
                    await self._audit.add(who, What("create.session", "session"), 401)
                except Exception as error:
                    _log.error("failed_sign_in_not_written", error=f"{type(error).__name__}: {error}")

        task = asyncio.create_task(write())
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def drained(self) -> None:
        """What is being written is written."""
        await asyncio.gather(*self._writing)

    async def _account(
        self, email: str, password: str, organisation: str | None
    ) -> tuple[Sequence[Account], Account | None]:
        """The accounts that were tried, and the one with this password.

        It takes as long for an unknown email as for a known one.
        Without an organisation the first two accounts are tried (`people.sign_in.accounts`), and always two. So neither
        the time nor the answer tells whether a person is known in another organisation.
        """
        tried = 1 if organisation is not None else _TRIED
        found = await sign_in.accounts(self._pool, email, organisation, tried)
        padded: list[Account | None] = [*found, *[None] * (tried - len(found))]
        fits = await asyncio.gather(*(self._desk.fits(one.password_hash if one else None, password) for one in padded))
        good = [one for one, fit in zip(padded, fits, strict=True) if one is not None and fit]
        return found, good[0] if len(good) == 1 else None

    async def count(self, request: Request, subject: str) -> None:
        """Count a try to guess something else, such as a token. Raises `Problem` 429 after too many."""
        wait = await sign_in.take(self._pool, address_of(request, self._proxies), subject)
        if wait is not None:
            raise _too_many(wait)

    async def tidy_once(self) -> None:
        await sign_in.tidy(self._pool)

    def _principal(self, found: Account) -> Principal:
        return Principal(
            found.org_id,
            found.user_id,
            Role(found.role),
            {},
            "user",
            str(found.user_id),
            token_version=found.token_version,
            until=clock.now() + timedelta(hours=self._hours),
        )


def _plain(email: str) -> str:
    """An invalid email is looked up, too, so that it takes as long."""
    try:
        return email_of(email)
    except NoEmail:
        return email.lower()


def _refused() -> Problem:
    message = "wrong email or password; if you are in several organisations, name one (its slug)"
    return Problem(401, "unauthorized", message, ("body",), {"WWW-Authenticate": "Bearer"})


def _too_many(wait: float) -> Problem:
    message = f"too many tries; wait {ceil(wait)} seconds, or ask an administrator for another password"
    return Problem(429, "too_many_tries", message, ("body",), {"Retry-After": str(ceil(wait))})
