"""The calls about flashboards. `flashboard` is an id or a slug."""

from vai.call import API, PAGE, Call, Page, get_call, given, keyed, nothing, offset_list, segment
from vai.models.answers import Json, Run
from vai.models.flashboards import BoardFormat, Flashboard, FlashboardLink, FlashboardVersion


def listing(q: str | None = None, *, limit: int = PAGE, offset: int = 0) -> Call[Page[Flashboard]]:
    """Those refreshed last first; `q` looks in title and slug."""
    return offset_list("/flashboards", "flashboards", Flashboard, given(q=q, limit=limit), offset)


def get(flashboard: str) -> Call[Flashboard]:
    """One, with the definition of the version that is shown."""
    return get_call(_path(flashboard), Flashboard.read)


def delete(flashboard: str) -> Call[None]:
    """With its versions and their data; its links show nothing any more."""
    return Call("DELETE", API + _path(flashboard), nothing)


def refresh(
    flashboard: str, *, values: Json | None = None, current: bool | None = None, idempotency_key: str | None = None
) -> Call[Run]:
    """Start the run that makes a new version; with `values` of parameters it stands beside the one that is shown."""
    return Call(
        "POST",
        f"{API}{_path(flashboard)}/refresh",
        Run.read,
        body=given(values=values, current=current),
        headers=keyed(idempotency_key),
        repeatable=idempotency_key is not None,
    )


def versions(flashboard: str, *, limit: int = PAGE, offset: int = 0) -> Call[Page[FlashboardVersion]]:
    """Newest first."""
    return offset_list(f"{_path(flashboard)}/versions", "versions", FlashboardVersion, given(limit=limit), offset)


def version(flashboard: str, number: int) -> Call[FlashboardVersion]:
    """One version, with the rows of each tile as they were."""
    return get_call(f"{_path(flashboard)}/versions/{number:d}", FlashboardVersion.read)


def delete_version(flashboard: str, number: int) -> Call[None]:
    """With its data. Conflict for the only one."""
    return Call("DELETE", f"{API}{_path(flashboard)}/versions/{number:d}", nothing)


def export(
    flashboard: str, tile: str | None = None, *, format: BoardFormat | None = None, version: int | None = None
) -> Call[None]:
    """The whole as `html` (one file), or as `pdf`; or of one tile the rows as `csv`, or a chart as `svg` or `png`.

    PDF files are made where the installation has a browser. Without a format: html, or csv of a tile.
    """
    if tile is None:
        return _file(f"{_path(flashboard)}/export", format=format, version=version)
    return _file(f"{_path(flashboard)}/tiles/{segment(tile)}", format=format, version=version)


def share(
    flashboard: str, *, days: int | None = None, version: int | None = None, note: str | None = None
) -> Call[FlashboardLink]:
    """A link that shows it to whoever has it, for a week if nothing else is said."""
    body = given(days=days, version=version, note=note)
    return Call("POST", f"{API}{_path(flashboard)}/links", FlashboardLink.read, body=body)


def links(flashboard: str, *, limit: int = PAGE, offset: int = 0) -> Call[Page[FlashboardLink]]:
    """Newest first, also those that are over."""
    return offset_list(f"{_path(flashboard)}/links", "links", FlashboardLink, given(limit=limit), offset)


def revoke(flashboard: str, link_id: str) -> Call[None]:
    """A link shows nothing any more. May be repeated."""
    return Call("DELETE", f"{API}{_path(flashboard)}/links/{segment(link_id)}", nothing)


def _path(flashboard: str) -> str:
    return f"/flashboards/{segment(flashboard)}"


def _file(path: str, **query: object) -> Call[None]:
    return Call("GET", API + path, nothing, given(**query), headers={"Accept": "*/*"}, repeatable=True)
