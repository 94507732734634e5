"""The calls about variables, which definitions name as `$/vars/NAME`."""

from typing import Any

from vai.call import API, PAGE, Call, Page, get_call, given, nothing, offset_list, segment
from vai.models.variables import Variable


def put(name: str, value: Any, *, description: str | None = None) -> Call[Variable]:
    """Make the variable, or give it another value. Runs that are made from now on have it."""
    body = {"value": value} | given(description=description)
    return Call("PUT", f"{API}/variables/{segment(name)}", Variable.read, body=body, repeatable=True)


def get(name: str) -> Call[Variable]:
    """The variable of this name, and what names it."""
    return get_call(f"/variables/{segment(name)}", Variable.read)


def listing(q: str | None = None, *, limit: int = PAGE, offset: int = 0) -> Call[Page[Variable]]:
    """All variables with `q` in their names, in the order of these."""
    return offset_list("/variables", "variables", Variable, given(q=q, limit=limit), offset)


def delete(name: str, *, force: bool | None = None) -> Call[None]:
    """Conflict where a saved action, automation or agent names it, except with `force=True`."""
    return Call("DELETE", f"{API}/variables/{segment(name)}", nothing, query=given(force=force))
