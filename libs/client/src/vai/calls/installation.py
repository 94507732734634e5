"""The calls of whoever runs the installation: with its own token (VAI_ADMIN_TOKEN) in the place of an API key."""

from vai.call import PAGE, Call, Page, given, offset_list, segment
from vai.models.answers import Json
from vai.models.people import NewOrganisation, Organisation

PATH = "/admin/organisations"


def create_organisation(
    slug: str,
    name: str,
    administrator: str,
    *,
    first_name: str | None = None,
    last_name: str | None = None,
    settings: Json | None = None,
) -> Call[NewOrganisation]:
    """Make an organisation; `administrator` is the email of its first one, whose invitation is in the answer."""
    person = given(email=administrator, firstName=first_name, lastName=last_name)
    body = given(slug=slug, name=name, administrator=person, settings=settings)
    return Call("POST", PATH, NewOrganisation.read, body=body)


def organisations(q: str | None = None, *, limit: int = PAGE, offset: int = 0) -> Call[Page[Organisation]]:
    """The organisations by slug; `q` is a part of a slug or a name."""
    return offset_list(PATH, "organisations", Organisation, given(q=q, limit=limit), offset, base="")


def get_organisation(organisation_id: str) -> Call[Organisation]:
    """The organisation with this id."""
    return Call("GET", f"{PATH}/{segment(organisation_id)}", Organisation.read, repeatable=True)


def update_organisation(
    organisation_id: str, *, name: str | None = None, settings: Json | None = None
) -> Call[Organisation]:
    """Rename it, or change its settings, those that only the operator may, too."""
    body = given(name=name, settings=settings)
    return Call("PATCH", f"{PATH}/{segment(organisation_id)}", Organisation.read, body=body)
