"""The headers of every record; a test holds them against what is published."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Header:
    name: str
    says: str
    always: bool = True
    format: str = ""


HEADERS = (
    Header("organisation", "UUID of the organisation, so that a reader can filter without decoding.", format="uuid"),
    Header("event-id", "The event's `id`, so that a reader can tell repeats without decoding."),
    Header("type", "The event's type, which is the topic's name."),
    Header("traceparent", "W3C trace context of what caused the event, where there was one.", always=False),
)
