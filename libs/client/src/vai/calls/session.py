"""The calls about who one is, signing in and out."""

from vai.call import API, Call, get_call, given, nothing
from vai.models.people import Me, Session


def me() -> Call[Me]:
    """Who calls: the user, the role, the organisation."""
    return get_call("/me", Me.read)


def sign_in(email: str | None = None, password: str | None = None, *, organisation: str | None = None) -> Call[Session]:
    """A token for email and password; without them, for the client's own key. `organisation` is a slug or an id."""
    body = given(email=email, password=password, organisation=organisation)
    return Call("POST", f"{API}/session", Session.read, body=body or None)


def sign_out() -> Call[None]:
    """Revoke the client's own token at once."""
    return Call("DELETE", f"{API}/session", nothing)


def change_password(current: str, new: str) -> Call[None]:
    """Change one's own password; it ends every session of the user. Not with an API key."""
    return Call("PUT", f"{API}/me/password", nothing, body={"current": current, "new": new})


def accept_invitation(token: str, password: str | None = None) -> Call[Session]:
    """Take an invitation, once, with a password of one's own, and sign in. It needs no key."""
    return Call("POST", f"{API}/invitations/accept", Session.read, body=given(token=token, password=password))
