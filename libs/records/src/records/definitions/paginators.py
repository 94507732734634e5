"""How a REST source says where the next page is; the names are dlt's."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from records.strict import Strict

MOST = 10**12
"""Pages, or rows."""

Parameter = Annotated[str, Field(min_length=1, max_length=200)]
BodyPath = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^.\s]+(\.[^.\s]+)*$")]
"""Where in a JSON body a value goes: `variables.after`. Then it is no parameter."""
JsonPath = Annotated[str, Field(min_length=1, max_length=500)]


class _Paginator(Strict):
    model_config = ConfigDict(frozen=True)


class Auto(_Paginator):
    """Found out from the first answer; what cannot be told for certain is an error, never a missing page."""

    type: Literal["auto"] = "auto"


class SinglePage(_Paginator):
    type: Literal["single_page"] = "single_page"


class PageNumber(_Paginator):
    """`page_param` counts from `base_page`; ends at an empty page, at `maximum_page` or at the total."""

    type: Literal["page_number"] = "page_number"
    page_param: Parameter = "page"
    page_body_path: BodyPath | None = None
    base_page: int = Field(default=1, ge=0, le=MOST)
    total_path: JsonPath | None = Field(default=None, description="Where the answer tells the number of pages.")
    has_more_path: JsonPath | None = None
    maximum_page: int | None = Field(default=None, ge=1, le=MOST)


class Offset(_Paginator):
    """`offset_param` counts rows from 0 in steps of `limit`; ends at an empty page or at the total."""

    type: Literal["offset"] = "offset"
    limit: int = Field(ge=1, le=1_000_000)
    offset_param: Parameter = "offset"
    limit_param: Parameter = "limit"
    offset_body_path: BodyPath | None = None
    limit_body_path: BodyPath | None = None
    total_path: JsonPath | None = Field(default=None, description="Where the answer tells the number of rows.")
    has_more_path: JsonPath | None = None
    maximum_offset: int | None = Field(default=None, ge=1, le=MOST)


class Cursor(_Paginator):
    """The answer's `cursor_path` is the next request's `cursor_param`; ends where it is missing or empty."""

    type: Literal["cursor"] = "cursor"
    cursor_path: JsonPath = "cursors.next"
    cursor_param: Parameter = "cursor"
    cursor_body_path: BodyPath | None = None
    has_more_path: JsonPath | None = None


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
        Auto | SinglePage | PageNumber | Offset | Cursor | HeaderLink | JsonLink,
        Field(discriminator="type"),
    ],
    BeforeValidator(_from_name),
]
"""A paginator by its type's name or as an object with a `type`."""
