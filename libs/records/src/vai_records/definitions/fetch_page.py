"""Reading a page of the web (document 000, "ActionKind Reference"; docs/research.md)."""

from typing import Final, Literal

from pydantic import Field

from vai_records.definitions.base import Definition
from vai_records.definitions.web_addresses import WebAddress
from vai_records.strict import Number

LONGEST_SECONDS: Final = 30.0
DEFAULT_PAGE_BYTES: Final = 5 << 20
MOST_PAGE_BYTES: Final = 20 << 20
DEFAULT_CHARACTERS: Final = 200_000
MOST_CHARACTERS: Final = 1_000_000
MOST_LINKS: Final = 1_000


class FetchPage(Definition):
    """One page, read as text. No credentials are sent with it, also if the definition names a connection."""

    kind: Literal["fetch_page"] | None = None
    url: WebAddress = Field(description="The page's address: https://… or http://…")
    timeout_seconds: Number | None = Field(
        default=None, gt=0, le=LONGEST_SECONDS, description="For fetching and reading together; 30 if not given."
    )
    max_bytes: int = Field(
        default=DEFAULT_PAGE_BYTES,
        ge=1_000,
        le=MOST_PAGE_BYTES,
        description="Of the page after it was unpacked. What is longer is cut, and the result says `truncated`.",
    )
    max_characters: int = Field(
        default=DEFAULT_CHARACTERS,
        ge=100,
        le=MOST_CHARACTERS,
        description="Of each of `markdown` and `text`. What is longer is cut, and the result says `truncated`.",
    )
    max_redirects: int = Field(default=5, ge=0, le=10)
    include_links: bool = Field(default=True, description="Whether the result lists the page's links.")
    include_images: bool = Field(default=True, description="Whether the result lists the page's images.")
    max_links: int = Field(default=200, ge=1, le=MOST_LINKS, description="Of links, and of images, in the result.")
