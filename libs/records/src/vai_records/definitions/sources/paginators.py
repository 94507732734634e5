"""How a REST source says where the next page is; the names are dlt's."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from vai_records.definitions.sources.jsonpaths import readable
from vai_records.strict import Strict

MOST = 10**12
"""Pages, or rows."""

Parameter = Annotated[str, Field(min_length=1, max_length=200)]
BodyPath = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^.\s]+(\.[^.\s]+)*$")]
"""Where in a JSON body a value goes: `variables.after`. Then it is no parameter."""
JsonPath = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(readable)]
"""Dotted names, or any JSONPath; a name with other characters in quotes: `'@odata.nextLink'`, `items[*]`."""


class _Paginator(Strict):
    model_config = ConfigDict(frozen=True)


class Auto(_Paginator):
    """Found out from the first answer; what cannot be told for certain is an error, never a missing page."""

    type: Literal["auto"] = "auto"


class SinglePage(_Paginator):
    type: Literal["single_page"] = "single_page"


class _Counting(_Paginator):
    """Ends where total and has_more say so, without both at an empty page; `stop_after_empty_page` overrules that."""

    has_more_path: JsonPath | None = None
    stop_after_empty_page: bool | None = None


class PageNumber(_Counting):
    """`page_param` counts from `base_page`, to `maximum_page` pages at most."""

    type: Literal["page_number"] = "page_number"
    page_param: Parameter = "page"
    page_body_path: BodyPath | None = None
    base_page: int = Field(default=1, ge=0, le=MOST)
    total_path: JsonPath | None = Field(default=None, description="Where the answer tells the number of pages.")
    maximum_page: int | None = Field(default=None, ge=1, le=MOST)

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.stop_after_empty_page is False and not (self.total_path or self.has_more_path or self.maximum_page):
            raise ValueError("what does not end at an empty page needs total_path, has_more_path or maximum_page")
        return self


class Offset(_Counting):
    """`offset_param` counts rows in steps of `limit`, or of what comes where the source gives less at a time."""

    type: Literal["offset"] = "offset"
    limit: int = Field(ge=1, le=1_000_000)
    offset: int = Field(default=0, ge=0, le=MOST, description="That of the first row: 1 for a source that counts so.")
    offset_param: Parameter = "offset"
    limit_param: Parameter = "limit"
    offset_body_path: BodyPath | None = None
    limit_body_path: BodyPath | None = None
    total_path: JsonPath | None = Field(default=None, description="Where the answer tells the number of rows.")
    maximum_offset: int | None = Field(default=None, ge=1, le=MOST)

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.stop_after_empty_page is False and not (self.total_path or self.has_more_path or self.maximum_offset):
            raise ValueError("what does not end at an empty page needs total_path, has_more_path or maximum_offset")
        return self


class Cursor(_Paginator):
    """The answer's `cursor_path` is the next request's `cursor_param`; ends where it is missing or empty."""

    type: Literal["cursor"] = "cursor"
    cursor_path: JsonPath = "cursors.next"
    cursor_param: Parameter = "cursor"
    cursor_body_path: BodyPath | None = None
    has_more_path: JsonPath | None = None
    stop_after_empty_page: bool = False


class HeaderCursor(_Paginator):
    """The answer's header `cursor_key` is the next request's `cursor_param`; ends where it is missing or empty."""

    type: Literal["header_cursor"] = "header_cursor"
    cursor_key: Parameter = "next"
    cursor_param: Parameter = "cursor"


class HeaderLink(_Paginator):
    """The `Link` header (RFC 8288) holds the next address."""

    type: Literal["header_link"] = "header_link"
    links_next_key: Parameter = "next"


class JsonLink(_Paginator):
    """The answer's `next_url_path` holds the next address."""

    type: Literal["json_link"] = "json_link"
    next_url_path: JsonPath = "next"


def _from_name(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


Paginator = Annotated[
    Annotated[
        Auto | SinglePage | PageNumber | Offset | Cursor | HeaderCursor | HeaderLink | JsonLink,
        Field(discriminator="type"),
    ],
    BeforeValidator(_from_name),
]
"""A paginator by its type's name or as an object with a `type`."""
