"""The calls about service accounts: members that are programs. `api_keys.create` makes their keys."""

from collections.abc import Sequence
from typing import Literal

from vai.call import API, PAGE, Call, Page, get_call, given, nothing, offset_list, segment
from vai.models.people import Role, ServiceAccount


def create(name: str, role: Role) -> Call[ServiceAccount]:
    """Make a service account, without a key yet. Conflict where another one has the name."""
    return Call("POST", f"{API}/service-accounts", ServiceAccount.read, body={"name": name, "role": role})


def get(account_id: str) -> Call[ServiceAccount]:
    """The service account with this id."""
    return get_call(f"/service-accounts/{segment(account_id)}", ServiceAccount.read)


def listing(
    q: str | None = None, *, role: str | Sequence[str] | None = None, limit: int = PAGE, offset: int = 0
) -> Call[Page[ServiceAccount]]:
    """Service accounts in the order of their names; `q` is a part of a name."""
    return offset_list(
        "/service-accounts", "serviceAccounts", ServiceAccount, given(q=q, role=role, limit=limit), offset
    )


def update(
    account_id: str,
    *,
    name: str | None = None,
    role: Role | None = None,
    status: Literal["active", "disabled"] | None = None,
) -> Call[ServiceAccount]:
    """Change what is given. While it is disabled, its keys are worthless."""
    body = given(name=name, role=role, status=status)
    return Call("PATCH", f"{API}/service-accounts/{segment(account_id)}", ServiceAccount.read, body=body)


def delete(account_id: str) -> Call[None]:
    """Delete it with its keys; what it did keeps its name."""
    return Call("DELETE", f"{API}/service-accounts/{segment(account_id)}", nothing)
