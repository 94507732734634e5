"""The calls about the people of the organisation."""

from collections.abc import Sequence

from vai.call import API, PAGE, UNSET, Call, Page, Unset, get_call, given, nothing, offset_list, segment
from vai.models.people import InvitedMember, Member, Role


def create(
    email: str,
    role: Role,
    *,
    first_name: str | None = None,
    last_name: str | None = None,
    password: str | None = None,
) -> Call[InvitedMember]:
    """Invite somebody. The answer's `invitation_token` is for them, and there only; no mail is sent."""
    body = given(email=email, role=role, firstName=first_name, lastName=last_name, password=password)
    return Call("POST", f"{API}/users", InvitedMember.read, body=body)


def get(user_id: str) -> Call[Member]:
    """The user with this id."""
    return get_call(f"/users/{segment(user_id)}", Member.read)


def listing(
    q: str | None = None, *, role: str | Sequence[str] | None = None, limit: int = PAGE, offset: int = 0
) -> Call[Page[Member]]:
    """Users in the order of their emails; `q` looks in emails and names."""
    return offset_list("/users", "members", Member, given(q=q, role=role, limit=limit), offset)


def update(
    user_id: str,
    *,
    role: Role | None = None,
    first_name: str | Unset | None = UNSET,
    last_name: str | Unset | None = UNSET,
    password: str | Unset | None = UNSET,
) -> Call[Member]:
    """Change what is given; None clears a name or the password. A new password ends the user's sessions."""
    clearable = {"firstName": first_name, "lastName": last_name, "password": password}
    body = given(role=role) | {name: value for name, value in clearable.items() if value is not UNSET}
    return Call("PATCH", f"{API}/users/{segment(user_id)}", Member.read, body=body)


def delete(user_id: str) -> Call[None]:
    """Remove the user: password, sessions and keys are invalid at once. Everything that they made stays."""
    return Call("DELETE", f"{API}/users/{segment(user_id)}", nothing)
