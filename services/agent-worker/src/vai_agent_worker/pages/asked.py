"""The messages between the worker and a reader of pages. JSON values, since they pass between processes."""

from typing import TypedDict


class Asked(TypedDict):
    """How a page is read. `seconds` is how long that may take."""

    url: str
    media_type: str
    charset: str | None
    truncated: bool
    characters: int
    links: int
    images: int
    seconds: float


class Link(TypedDict):
    url: str
    text: str


class Image(TypedDict):
    url: str
    alt: str


class Reading(TypedDict, total=False):
    """What was read. `warnings` are pairs of an event and a sentence for the run's log. `refusal` says why nothing was
    read.
    """

    format: str
    charset: str | None
    title: str | None
    author: str | None
    date: str | None
    language: str | None
    description: str | None
    site_name: str | None
    canonical_url: str | None
    markdown: str
    text: str
    links: list[Link]
    images: list[Image]
    page_count: int | None
    needs_script: bool
    truncated: bool
    warnings: list[tuple[str, str]]
    refusal: str
    worn: bool
