"""A call of an HTTP API (document 000, "ActionKind Reference"; decisions 24, 25 and 35)."""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, JsonValue, field_validator
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ValidationInfo

from vai_records.definitions.base import Definition
from vai_records.definitions.web_addresses import check_address
from vai_records.header_names import reserved_among
from vai_records.marked import Marked, Secret
from vai_records.strict import Number, Text, Whole, short

LONGEST_SECONDS: Final = 30.0
DEFAULT_RESPONSE_BYTES: Final = 1 << 20
MOST_RESPONSE_BYTES: Final = 10 << 20

_RANGE = re.compile(r"([1-5])xx|([1-5]\d\d)(?:-([1-5]\d\d))?")


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


Method = Annotated[Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"], BeforeValidator(_upper)]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$")]
HeaderValue = Annotated[str, Field(pattern=r"^[\t\x20-\x7e]*$", max_length=16_384)]
Address = Annotated[str, Field(max_length=8_192)]
FieldName = Annotated[str, Field(max_length=1_000)]
Scalar = Text | Whole | float | bool
Given = Scalar | Annotated[list[Scalar], Field(max_length=1_000)]
Values = Given | Secret | Marked[Given]
Expected = Annotated[int, Field(ge=100, le=599)] | Annotated[str, Field(max_length=20)]


class HttpRequest(Definition):
    """One request. `url` is absolute, or a path below the connection's `base_url`; at most one of the three bodies."""

    kind: Literal["http_request"] | None = None
    timeout_seconds: Number | None = Field(default=None, gt=0, le=LONGEST_SECONDS)
    method: Method = "GET"
    url: Address | Secret | Marked[Address] | None = Field(
        default=None,
        validate_default=True,
        description='If the address itself is the secret, mark it: {"kind": "secret", "value": …}.',
    )
    headers: Annotated[dict[HeaderName, HeaderValue | Secret | Marked[HeaderValue]], short(100)] = Field(
        default={}, max_length=100
    )
    query: Annotated[dict[FieldName, Values], short(200)] = Field(default={}, max_length=200)
    body: JsonValue = Field(
        default=None, description='Sent as JSON. {"kind": "secret", "value": …} in it is sent as that value.'
    )
    body_text: Text | Secret | Marked[Text] | None = None
    form: Annotated[dict[FieldName, Values], Field(max_length=1_000), short(1_000)] | None = None
    expected_status: Expected | Annotated[list[Expected], Field(max_length=100)] | None = Field(
        default=None, description='What counts as success: 200, "2xx", "200-204" or a list of these; 2xx if not given.'
    )
    max_response_bytes: int = Field(default=DEFAULT_RESPONSE_BYTES, ge=1, le=MOST_RESPONSE_BYTES)
    follow_redirects: bool = True
    max_redirects: int = Field(default=5, ge=1, le=10)
    idempotent: bool = Field(default=False, description="Whether a POST or PATCH may be sent twice.")

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does no harm (decision 24)."""
        return self.idempotent or self.method not in ("POST", "PATCH")

    @property
    def on_lost(self) -> Literal["rerun", "fail"]:
        return "rerun" if self.repeatable else "fail"

    def expects(self, status: int) -> bool:
        """Whether a response's status is a success."""
        if self.expected_status is None:
            return 200 <= status < (300 if self.follow_redirects else 400)
        return any(low <= status <= high for low, high in map(_bounds, _listed(self.expected_status)))

    @field_validator("url")
    @classmethod
    def _leads_somewhere(
        cls, url: Address | Secret | Marked[Address] | None, info: ValidationInfo
    ) -> Address | Secret | Marked[Address] | None:
        if url is None:
            if info.data.get("connection") is None and info.data.get("connection_ref") is None:
                raise PydanticCustomError("missing", "Field required: a url, or a connection with a base_url")
            return None
        if not isinstance(url, Secret):
            check_address(url if isinstance(url, str) else url.value, paths=True)
        return url

    @field_validator("headers")
    @classmethod
    def _leaves_reserved_headers(cls, headers: dict[str, Any]) -> dict[str, Any]:
        if taken := reserved_among(headers):
            raise ValueError(f"the platform sets {', '.join(taken)} itself")
        return headers

    @field_validator("body_text", "form")
    @classmethod
    def _is_the_only_body(cls, value: Any, info: ValidationInfo) -> Any:
        others = [name for name in ("body", "body_text") if info.data.get(name) is not None]
        if value is not None and others:
            raise ValueError(f"give only one body: {others[0]} is there already")
        return value

    @field_validator("expected_status")
    @classmethod
    def _is_a_status(cls, expected: Any) -> Any:
        for one in _listed(expected):
            low, high = _bounds(one)
            if low > high:
                raise ValueError(f"{one} is no range: its end is before its start")
        return expected


def _listed(expected: Expected | list[Expected] | None) -> list[Expected]:
    if expected is None:
        return []
    return expected if isinstance(expected, list) else [expected]


def _bounds(expected: Expected) -> tuple[int, int]:
    match = _RANGE.fullmatch(str(expected))
    if match is None:
        raise ValueError(f'{expected} is no status: give 200, "2xx" or "200-204"')
    if match[1]:
        return int(match[1]) * 100, int(match[1]) * 100 + 99
    return int(match[2]), int(match[3] or match[2])
