"""The entries of a sync's log: {event, message, data, level}."""

from typing import Any

from vai_extract_worker.sync.places import LeftOut
from vai_records.definitions.file_sync import FileSync

Entry = dict[str, Any]


def _entry(event: str, message: str, data: dict[str, Any], level: str = "info") -> Entry:
    return {"event": event, "message": message, "data": data, "level": level}


def _files(number: int) -> str:
    return "1 file" if number == 1 else f"{number:,} files"


def started(definition: FileSync) -> Entry:
    way = "from the lake's folder {1} to {0}" if definition.direction == "push" else "from {0} to the lake's folder {1}"
    data = {"direction": definition.direction, "path": definition.path, "folder": definition.folder}
    return _entry("sync_started", f"Syncing {way.format(definition.path, definition.folder)}", data)


def compared(files: int, differ: int, size: int, removed: int) -> Entry:
    text = f"{_files(files)} there, {differ:,} to look at or to transfer ({size:,} bytes), {removed:,} to remove"
    data = {"files": files, "differ": differ, "bytes": size, "remove": removed}
    return _entry("sync_compared", text, data, "info" if files else "warning")


def nothing_removed() -> Entry:
    text = "Nothing is removed, since a part of the source could not be listed: what seems to be gone may be there"
    return _entry("sync_nothing_removed", text, {}, "warning")


def left_out(one: LeftOut) -> Entry:
    return _entry("file_left_out", one.error.message, {"path": one.path, "error": one.error.as_json()}, "warning")


def more_left_out(number: int) -> Entry:
    return _entry(
        "file_left_out", f"{_files(number)} more left out; the result names them", {"more": number}, "warning"
    )


def completed(counts: dict[str, int], size: int) -> Entry:
    text = f"Synced: {counts['added']:,} added, {counts['changed']:,} changed, {counts['removed']:,} removed"
    text += f" ({size:,} bytes)" + (f", {_files(counts['failed'])} left out" if counts["failed"] else "")
    return _entry("sync_completed", text, counts | {"bytes": size}, "warning" if counts["failed"] else "info")
