"""The REST shapes of entries that are found in logs."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from vai_api_gateway.http.shapes import KindName, LogEntryShape, Shape, StatusName


class LoggingRunShape(Shape):
    """The run that wrote an entry."""

    action: str | None = Field(description="The name of its action.")
    action_id: UUID | None
    created_at: datetime
    id: UUID
    kind: KindName
    status: StatusName


class PartShape(Shape):
    """A part of a message. All parts together are the message, or what surrounds the first match in a long one."""

    is_match: bool
    text: str


class FoundEntryShape(LogEntryShape):
    parts: list[PartShape]
    run: LoggingRunShape


class FoundEntriesShape(Shape):
    """`entriesRead` and `runsRead` say how much was read for this page, `readBackTo` when its oldest run was made."""

    entries: list[FoundEntryShape]
    entries_read: int
    has_more: bool
    next_cursor: str | None
    read_back_to: datetime | None
    runs_read: int
