"""Where backups are: what somebody typed as an address, and that it is none of the lake's own."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from vai_common.errors import RunError
from vai_worker.backup.errors import BackupError
from vai_worker.lake import store_errors
from vai_worker.lake.places import Lake

_ADDRESS = re.compile(r"(file:///|s3://[^/]).*")
_MEANT_AS_ONE = re.compile(r"[A-Za-z0-9]+:/")


def address(place: str) -> str:
    """The file:///… or s3://… address of a place. Raises BackupError for what is neither it nor a folder's path."""
    if _ADDRESS.fullmatch(place):
        return place
    if not place.strip() or _MEANT_AS_ONE.match(place):
        raise BackupError(f"{place!r} is no place for backups", "Name a folder, or s3://bucket/prefix")
    return Path(place).expanduser().absolute().as_uri()


def check_apart(place: str, lake_url: str) -> None:
    """Raises BackupError where one lies within the other: what was already there in its size would count as copied."""
    ours, lakes = _parts(place), _parts(lake_url)
    if ours[: len(lakes)] == lakes or lakes[: len(ours)] == ours:
        raise BackupError(
            f"the backups at {place} and the lake at {lake_url} lie one within the other, so there would be no copy",
            "Name another folder or prefix, on another disk or bucket if there is one",
        )


def _parts(url: str) -> tuple[str, ...]:
    lake = Lake(url)
    if lake.is_remote:
        return PurePosixPath(lake.root.removeprefix("s3://")).parts
    return Path(lake.root).resolve().parts


@contextmanager
def told(place: str) -> Iterator[None]:
    """What does not take a file is named: a storage calls every folder a lake."""
    try:
        yield
    except RunError as error:
        why = error.__cause__
        said = store_errors.in_few_words(why) if isinstance(why, Exception) else error.message
        fault = f"{place} did not take a file: {said}"
        raise BackupError(fault, "Check its space, its address and your rights, then do it again") from error
