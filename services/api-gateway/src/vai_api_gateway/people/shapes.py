"""The REST shapes of people: the organisation, its users, API keys, sessions."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    AliasChoices,
    ConfigDict,
    Field,
    model_validator,
)

from vai_api_gateway.http.shapes import LONGEST_NAME, Body, PageShape, Patch, Shape
from vai_records.lake.upkeep_rules import UpkeepSettings
from vai_records.models.settings import ModelSettings
from vai_records.people import emails, passwords
from vai_records.people.scopes import MOST as MOST_SCOPES
from vai_records.strict import Id, Name, Time

RoleName = Literal["viewer", "operator", "admin"]
AccountStatusName = Literal["active", "disabled"]
KeyStateName = Literal["active", "expired", "revoked"]

Email = Annotated[str, Field(max_length=emails.LONGEST, examples=["ada@example.com"]), AfterValidator(emails.email_of)]
Password = Annotated[
    str, Field(min_length=passwords.SHORTEST, max_length=passwords.LONGEST, json_schema_extra={"format": "password"})
]


# Answers ------------------------------------------------------------------------------------------------------------


class _AsStored(Shape):
    """With the keys that `settings` have; what is sent has a model of its own."""

    model_config = ConfigDict(alias_generator=None)


class TokenPriceShape(_AsStored):
    """What a million tokens cost, in US dollars."""

    input_per_million: float
    output_per_million: float


class ModelSettingsShape(_AsStored):
    """What the organisation says about models."""

    default: str | None = None
    allowed: list[str] | None = None
    prices: dict[str, TokenPriceShape] = Field(default={})
    tokens_per_day: int | None = None
    money_per_day: float | None = None


class UpkeepRuleShape(_AsStored):
    """What holds for the upkeep of a table."""

    compact: bool | None = None
    keep_hours: int | None = None


class UpkeepSettingsShape(UpkeepRuleShape):
    """What the organisation says about the upkeep of its tables; `tables` says what is different for one."""

    tables: dict[str, UpkeepRuleShape] = Field(default={})


class SettingsShape(Shape):
    """What holds for the whole organisation, from the next run on."""

    forbid_self_approval: bool = Field(description="Who started a run may not approve it.")
    max_running: int | None = Field(description="How many of its runs may be queued or leased at once; null: no limit.")
    ignore_robots_txt: bool = Field(description="Pages are fetched whatever the robots.txt of their site says.")
    models: ModelSettingsShape | None = Field(
        description="Which language models may be used, at which price, how much in a day; null: as by default."
    )
    upkeep: UpkeepSettingsShape | None = Field(
        description="Whether small files of tables are put together, how long versions are kept; null: as by default."
    )


class OrganisationShape(Shape):
    id: UUID
    slug: str
    name: str
    settings: SettingsShape


class MemberShape(Shape):
    """Passwords are write-only: `hasPassword` says whether the user can sign in with one.

    `acceptedAt` is null until the person has taken the invitation, or has come through OIDC.
    """

    accepted_at: datetime | None
    created_at: datetime
    email: str
    first_name: str | None
    has_password: bool
    id: UUID
    last_name: str | None
    profile_picture_url: str | None
    role: RoleName


class InvitedMemberShape(MemberShape):
    """`invitationToken` is what the person takes the membership with; it is good once, and shown this once."""

    invitation_token: str
    invitation_ends_at: datetime


class AcceptBody(Body):
    token: str = Field(max_length=200)
    password: Password | None = Field(default=None, description="One's own; without one, the person comes by OIDC.")


class MembersShape(PageShape):
    members: list[MemberShape]


class ApiKeyShape(Shape):
    created_at: datetime
    expires_at: datetime | None
    id: UUID
    last_used_at: datetime | None = Field(description="Written every ten seconds, while the key is used.")
    name: str
    prefix: str = Field(description="How the key begins.")
    revoked_at: datetime | None
    role: RoleName
    scopes: list[str] | None = Field(description="What it is narrowed to within its role; null: to nothing.")
    status: KeyStateName
    user_id: UUID = Field(
        description="The person or service account for whom the key acts, never with more than their role."
    )


class CreatedApiKeyShape(ApiKeyShape):
    key: str = Field(description="The key itself: shown this once, stored nowhere.")


class ServiceAccountShape(Shape):
    """A member that is a program. While it is disabled, its keys are worthless."""

    active_keys: int = Field(description="Keys that are neither revoked nor expired.")
    created_at: datetime
    disabled_at: datetime | None
    id: UUID
    last_used_at: datetime | None = Field(description="Of any of its keys; written every ten seconds.")
    name: str
    role: RoleName
    status: AccountStatusName


class ServiceAccountsShape(PageShape):
    service_accounts: list[ServiceAccountShape]


class ApiKeysShape(PageShape):
    api_keys: list[ApiKeyShape]


# Request bodies -----------------------------------------------------------------------------------------------------


def _either(name: str, camel: str) -> AliasChoices:
    """Both spellings are taken: the texts name settings as they are stored."""
    return AliasChoices(camel, name)


class SettingsPatch(Body):
    """Settings that are absent stay as they are; null takes one back to its default."""

    model_config = ConfigDict(alias_generator=None)

    forbid_self_approval: bool | None = Field(
        default=None, validation_alias=_either("forbid_self_approval", "forbidSelfApproval")
    )
    max_running: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, validation_alias=_either("max_running", "maxRunning")
    )
    ignore_robots_txt: bool | None = Field(
        default=None, validation_alias=_either("ignore_robots_txt", "ignoreRobotsTxt")
    )
    models: ModelSettings | None = Field(default=None, description="All of it: what is absent is as by default.")
    upkeep: UpkeepSettings | None = Field(default=None, description="All of it: what is absent is as by default.")

    @model_validator(mode="before")
    @classmethod
    def _is_no_longer_here(cls, given: Any) -> Any:
        if isinstance(given, dict) and {"allow_private_addresses", "allowPrivateAddresses"} & given.keys():
            raise ValueError(
                "allowPrivateAddresses is no setting of an organisation: whoever runs the installation allows private "
                "addresses, with VAI_ALLOW_PRIVATE_ADDRESSES (docs/running.md)"
            )
        return given


class OrganisationPatch(Patch, Body):
    name: Name | None = None
    settings: SettingsPatch | None = None


class MemberBody(Body):
    email: Email
    role: RoleName
    first_name: Name | None = None
    last_name: Name | None = None
    password: Password | None = Field(default=None, description="Without one, the user comes through OIDC.")


class MemberPatch(Patch, Body):
    """Keys that are absent stay as they are; null clears a name, and a password (then it cannot be used)."""

    clears = frozenset(("first_name", "last_name", "password"))

    role: RoleName | None = None
    first_name: Name | None = None
    last_name: Name | None = None
    password: Password | None = None


class ServiceAccountBody(Body):
    name: Name
    role: RoleName


class ServiceAccountPatch(Patch, Body):
    name: Name | None = None
    role: RoleName | None = None
    status: AccountStatusName | None = None


ScopeText = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]


class ApiKeyBody(Body):
    name: Name
    role: RoleName
    expires_at: Time | None = Field(default=None, description="When it stops to be good; null: never.")
    scopes: list[ScopeText] | None = Field(
        default=None,
        min_length=1,
        max_length=MOST_SCOPES,
        description="What it may do within its role; null: all. `GET /api/v1/scopes` lists them.",
        examples=[["runs:read", "datasets:read"]],
    )
    service_account_id: Id | None = Field(
        default=None, description="The service account for which it acts, which administrators alone decide; null: you."
    )


class RotateBody(Body):
    overlap_minutes: int = Field(
        default=60, ge=0, le=10_080, description="For so long the old key is good beside the new one; at most a week."
    )
    expires_at: Time | None = Field(default=None, description="When the new one stops to be good; null: never.")


class SignInBody(Body):
    email: str = Field(max_length=1_000, examples=["ada@example.com"])
    password: str = Field(max_length=1_000, json_schema_extra={"format": "password"})
    organisation: str | None = Field(
        default=None, max_length=LONGEST_NAME, description="Slug or id, for those who are in several."
    )


class PasswordBody(Body):
    current: str = Field(max_length=1_000, json_schema_extra={"format": "password"})
    new: Password
