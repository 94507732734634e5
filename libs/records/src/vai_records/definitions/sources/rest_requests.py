"""What a resource of rest_api can say of its requests and of their answers; the names are dlt's."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from vai_records.definitions.sources.paginators import JsonPath
from vai_records.definitions.sources.placeholders import Placeholder, placeholders_in
from vai_records.marked import Marked, Secret
from vai_records.strict import Strict, Whole, short

MOST_FIELDS = 200
"""Headers, parameters or fields of one request."""

Scalar = Annotated[str, Field(max_length=100_000)] | Whole | float | bool
Several = Scalar | Annotated[list[Scalar], Field(max_length=1_000)]
"""A value, or a list: a parameter that is sent once for each."""

FieldName = Annotated[str, Field(max_length=256)]
HeaderValue = Annotated[str, Field(pattern=r"^[\t\x20-\x7e\xa0-\xff]*$", max_length=16_384)]
Params = Annotated[
    dict[FieldName, Several | Secret | Marked[Several]], Field(max_length=MOST_FIELDS), short(MOST_FIELDS)
]
Headers = Annotated[
    dict[FieldName, HeaderValue | Secret | Marked[HeaderValue]], Field(max_length=MOST_FIELDS), short(MOST_FIELDS)
]
Body = Annotated[dict[FieldName, JsonValue], Field(max_length=MOST_FIELDS), short(MOST_FIELDS)]
ResponseFormat = Literal["json", "jsonl", "csv"]


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


Method = Annotated[Literal["GET", "POST"], BeforeValidator(_upper)]


class ResponseAction(Strict):
    """An answer that is no error: with `ignore` the resource, or this parent's part of it, ends there."""

    model_config = ConfigDict(frozen=True)

    status_code: int | None = Field(default=None, ge=100, le=599)
    content: Annotated[str, Field(min_length=1, max_length=1_000)] | None = Field(
        default=None, description="A text that the answer must hold."
    )
    action: Literal["ignore"] = "ignore"

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if self.status_code is None and self.content is None:
            raise ValueError("give a status_code, a content, or both")
        return self


ResponseActions = Annotated[list[ResponseAction], Field(max_length=100)]


class ErrorRule(Strict):
    """What an error looks like that comes with the status 200: `path` holds one of `when`, or anything at all."""

    model_config = ConfigDict(frozen=True)

    path: JsonPath
    when: Annotated[list[Scalar], Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="Left out: anything but null, false, 0, an empty text, list or object."
    )
    code: Literal["DATA_ERROR", "RATE_LIMITED", "CONNECTION_ERROR", "AUTH_ERROR"] = "DATA_ERROR"


ErrorRules = Annotated[list[ErrorRule], Field(max_length=100)]
"""The first that fits counts."""


class Asking(Strict):
    """The request of a resource beside its path and parameters."""

    model_config = ConfigDict(frozen=True)

    method: Method | None = Field(default=None, description="Left out: POST where there is a body, else GET.")
    params: Params = Field(default={})
    headers: Headers = Field(default={})
    json_: Body | None = Field(default=None, alias="json", description="The body as JSON.")
    data: Params | None = Field(default=None, description="The body as a form.")
    response_format: ResponseFormat = Field(
        default="json", description="jsonl: a row on each line; csv: all values as text, with the words of csv files."
    )
    response_actions: ResponseActions = Field(default=[])
    errors: ErrorRules | None = Field(
        default=None, description="What an error looks like that comes as 200; left out: the usual; []: nothing is one."
    )
    include_from_parent: Annotated[list[FieldName], Field(max_length=100)] = Field(
        default=[], description="Fields of the parent's row that each row gets, as _<parent>_<field>."
    )
    flatten: bool | Annotated[int, Field(ge=1, le=100)] = Field(
        default=False, description="Nested objects become columns (a__b): true, or so many levels."
    )

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if self.json_ is not None and self.data is not None:
            raise ValueError("json and data are both the body: give one")
        if self.method == "GET" and (self.json_ is not None or self.data is not None):
            raise ValueError("a GET has no body: leave method out, or make it POST")
        return self

    def stored_data(self) -> dict[str, Any]:
        """The form as JSON."""
        found: dict[str, Any] = self.model_dump(mode="json", include={"data"})["data"]
        return found

    @property
    def is_post(self) -> bool:
        return self.method == "POST" or (self.method is None and (self.json_ is not None or self.data is not None))


def open_parts(path: str | None, asking: Asking) -> Iterator[tuple[str, Placeholder]]:
    """The placeholders of a resource, each with the field in which it stands. Raises ValueError for wrong ones."""
    for name, value in (("path", path), ("params", asking.params), ("json", asking.json_), ("data", asking.data)):
        for found in placeholders_in(value):
            yield name, found
