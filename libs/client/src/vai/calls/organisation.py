"""The calls about the caller's organisation."""

from vai.call import API, Call, get_call, given
from vai.models.answers import Json
from vai.models.people import Organisation


def get() -> Call[Organisation]:
    """The caller's organisation."""
    return get_call("/organisation", Organisation.read)


def update(*, name: str | None = None, settings: Json | None = None) -> Call[Organisation]:
    """Rename it, or change settings (`maxRunning`, `forbidSelfApproval`); null takes one back to its default."""
    return Call("PATCH", f"{API}/organisation", Organisation.read, body=given(name=name, settings=settings))
