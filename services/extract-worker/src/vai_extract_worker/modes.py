"""How a resource is extracted: all rows or only new ones, and whether they are added to the table or replace it."""

from dataclasses import dataclass

from vai_records.definitions.dlt_extract import DltExtract
from vai_records.definitions.sources.resources import Resource


@dataclass(frozen=True)
class Mode:
    """`tracks`: a cursor is kept. `begins`: the extraction begins at the saved cursor. `replaces`: the new rows replace
    the table's rows.
    """

    tracks: bool
    begins: bool
    replaces: bool


def mode_of(definition: DltExtract, resource: Resource, by_definition: bool = False, since: bool = False) -> Mode:
    """The mode that follows from a resource and its definition. `by_definition`: `incremental: true` in the definition
    is enough.

    `since`: the resource brings only new rows, because its parent does.

    `incremental: false` in the definition extracts everything again and still tracks the cursor.
    """
    tracks = resource.is_incremental or since or (by_definition and definition.incremental is True)
    tracks = tracks and resource.write_disposition != "replace"
    begins = tracks and definition.incremental is not False
    kept = resource.write_disposition in ("append", "merge") or tracks
    return Mode(tracks, begins, replaces=not kept or (tracks and not begins))
