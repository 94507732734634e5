"""The body of a form that a page has sent."""

from urllib.parse import parse_qsl

from fastapi import Request

from vai_api_gateway.problems import Problem

LARGEST = 65_536
MOST_FIELDS = 100


async def fields_of(request: Request) -> dict[str, str]:
    """Its fields by name. Raises `Problem` 413, 415 and 422."""
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media != "application/x-www-form-urlencoded":
        raise Problem(415, "unsupported_media_type", "send the form as a browser does", ("header", "Content-Type"))
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            raise Problem(413, "too_large", f"the form is larger than {LARGEST} bytes", ("body",))
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Problem(422, "unreadable", "this is no form of a page", ("body",)) from None
    return {name: value.replace("\0", "") for name, value in fields}
