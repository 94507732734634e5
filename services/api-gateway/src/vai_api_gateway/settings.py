"""The settings of the gateway. Environment, prefix VAI_."""

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from vai_api_gateway.people.shapes import SettingsPatch
from vai_common import settings


class Settings(settings.Settings):
    """The settings of every service, and who may come in."""

    pool_size: int = Field(default=8, ge=2, le=100)
    lists_pool_size: int = Field(default=4, ge=1, le=100, description="Connections for lists and filters.")
    stream_seconds: float = Field(
        default=3600, gt=0, le=86_400, description="A live stream is closed after this time; clients come back."
    )
    token_secret: str = Field(min_length=32, repr=False, description="Signs tokens; at least 32 characters.")
    token_hours: float = Field(default=12, gt=0, le=720, description="How long a signed token is good.")
    cookie_secure: bool = Field(default=False, description="Send the cookie over https only; on wherever there is TLS.")
    allowed_origins: str = Field(default="", description="https://…,… whose pages may use the cookie besides our own.")

    wrong_keys_per_minute: int = Field(
        default=120, ge=0, description="Unknown keys and tokens from one address; 0: no bound."
    )
    calls_per_second: float = Field(default=0, ge=0, description="Of one organisation, on this gateway; 0: no bound.")
    admin_token: str = Field(
        default="", repr=False, description="Of whoever runs the installation: makes organisations. Empty: nobody may."
    )
    public_url: str = Field(
        default="", description="Where people find the gateway: https://vai.example.com or https://example.com/vai."
    )
    console: str = Field(default="", description="The folder of the built console; empty: / leads to the reference.")
    guide: str = Field(default="", description="The folder of the built guide; empty: /guide says how to build it.")
    browser: str = Field(default="", description="The path of a Chromium, which makes PDF files; empty: none.")
    webhook_bytes: int = Field(
        default=1_048_576, ge=1_024, le=26_214_400, description="The largest body of a webhook that is taken."
    )
    mcp: bool = Field(default=True, description="Serve /mcp, the tools for programs with a language model.")
    metrics_port: int = Field(default=0, ge=0, le=65535, description="/metrics answers there alone; 0: nowhere.")
    proxies: int = Field(default=0, ge=0, le=10, description="How many proxies of ours add to X-Forwarded-For.")
    operator_settings: str = Field(
        default="", description="Settings of an organisation, comma-separated, that only the operator changes."
    )
    oidc_issuer: str = Field(default="", description="The `iss` of tokens that are accepted besides our own.")
    oidc_audience: str = Field(default="", description="One of these, comma-separated, must be their `aud`.")
    oidc_jwks: str = Field(default="", description="The issuer's public keys: an https address, or a file.")
    oidc_private: bool = Field(default=False, description="That address may be a private one, or http.")
    oidc_organisation: str = Field(default="", description="Slug: the issuer's users are of this organisation.")
    oidc_organisation_claim: str = Field(default="organisation", description="Else this claim says so (slug or id).")
    oidc_session_hours: float = Field(
        default=1, gt=0, le=720, description="How long a session is good that one of their tokens asked for."
    )
    oidc_trust_emails: bool = Field(default=False, description="Believe `email` without `email_verified`.")

    @model_validator(mode="after")
    def _oidc_is_whole(self) -> Self:
        if not self.oidc_issuer:
            return self
        if not self.oidc_audience.strip(", ") or not self.oidc_jwks:
            raise ValueError("VAI_OIDC_ISSUER needs VAI_OIDC_AUDIENCE and VAI_OIDC_JWKS")
        if self.oidc_issuer == "vai":
            raise ValueError("VAI_OIDC_ISSUER cannot be `vai`: that is what our own tokens say")
        if self.oidc_jwks.startswith("http://") and not self.oidc_private:
            raise ValueError("VAI_OIDC_JWKS must be https, or VAI_OIDC_PRIVATE true")
        return self

    @field_validator("admin_token")
    @classmethod
    def _is_long(cls, given: str) -> str:
        if given and len(given) < 32:
            raise ValueError("must have at least 32 characters, or be empty")
        return given

    @field_validator("public_url")
    @classmethod
    def _is_an_address(cls, given: str) -> str:
        return settings.public_address(given)

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, given: str) -> str:
        for one in filter(None, (part.strip().rstrip("/") for part in given.split(","))):
            parts = urlsplit(one)
            if parts.scheme not in ("http", "https") or not parts.hostname or one != f"{parts.scheme}://{parts.netloc}":
                raise ValueError(f"must be https://host[:port], several separated by commas, not {one!r}")
        return given

    @field_validator("operator_settings")
    @classmethod
    def _are_settings(cls, given: str) -> str:
        known = SettingsPatch.model_fields
        for one in filter(None, (part.strip() for part in given.split(","))):
            if one not in known:
                raise ValueError(f"must be settings of an organisation ({', '.join(known)}), not {one!r}")
        return given

    @property
    def origins(self) -> frozenset[str]:
        """Origins of other hosts whose pages may use the cookie and read answers."""
        return frozenset(origin.strip().rstrip("/") for origin in self.allowed_origins.split(",") if origin.strip())

    @property
    def public_origin(self) -> str:
        """The origin of our own pages; empty if VAI_PUBLIC_URL is not set."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}" if self.public_url else ""

    @property
    def root_path(self) -> str:
        """The prefix under which a proxy shows us, as `/vai`; empty without one."""
        return urlsplit(self.public_url).path.rstrip("/")

    @property
    def secure_cookie(self) -> bool:
        return self.cookie_secure or self.public_url.startswith("https://")

    @property
    def kept_by_operator(self) -> frozenset[str]:
        """Names of organisation settings."""
        return frozenset(name.strip() for name in self.operator_settings.split(",") if name.strip())
