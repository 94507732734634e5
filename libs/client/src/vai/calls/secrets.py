"""The calls about secrets, which definitions name as `$/secrets/NAME`. Their values never come back."""

from vai.call import API, PAGE, Call, Page, get_call, given, nothing, offset_list, segment
from vai.models.variables import Secret


def put(name: str, value: str | None = None, *, description: str | None = None) -> Call[Secret]:
    """Make the secret, or give it another value. Without a value it keeps the one that it has."""
    body = given(value=value, description=description)
    return Call("PUT", f"{API}/secrets/{segment(name)}", Secret.read, body=body, repeatable=True)


def get(name: str) -> Call[Secret]:
    """When the secret of this name was set and by whom, and what names it."""
    return get_call(f"/secrets/{segment(name)}", Secret.read)


def listing(q: str | None = None, *, limit: int = PAGE, offset: int = 0) -> Call[Page[Secret]]:
    """All secrets with `q` in their names, in the order of these."""
    return offset_list("/secrets", "secrets", Secret, given(q=q, limit=limit), offset)


def delete(name: str, *, force: bool | None = None) -> Call[None]:
    """Conflict where a saved action, automation or agent names it, except with `force=True`."""
    return Call("DELETE", f"{API}/secrets/{segment(name)}", nothing, query=given(force=force))
