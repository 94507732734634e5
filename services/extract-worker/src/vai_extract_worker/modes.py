"""How a resource is extracted: new rows or all of them, beside what the table had or in its place."""

from dataclasses import dataclass

from vai_records.definitions.dlt_extract import DltExtract
from vai_records.definitions.sources.resources import Resource


@dataclass(frozen=True)
class Mode:
    """How a resource is extracted: `tracks` a cursor, `begins` at the saved one, `replaces` what the table had."""

    tracks: bool
    begins: bool
    replaces: bool


def mode_of(definition: DltExtract, resource: Resource, by_definition: bool = False, since: bool = False) -> Mode:
    """What a resource and its definition come to; `by_definition`: `incremental: true` there suffices.

    `since`: it brings only what is new because its parent does.

    `incremental: false` in the definition extracts everything again and still tracks the cursor.
    """
    tracks = resource.is_incremental or since or (by_definition and definition.incremental is True)
    tracks = tracks and resource.write_disposition != "replace"
    begins = tracks and definition.incremental is not False
    kept = resource.write_disposition in ("append", "merge") or tracks
    return Mode(tracks, begins, replaces=not kept or (tracks and not begins))
