"""What the gateway is told: environment, prefix VAI_."""

from pydantic import Field

from common import settings


class Settings(settings.Settings):
    """The settings of every service, and who may come in."""

    pool_size: int = Field(default=8, ge=2, le=100)
    lists_pool_size: int = Field(default=4, ge=1, le=100, description="Connections for lists and filters.")
    token_secret: str = Field(min_length=32, repr=False, description="Signs tokens; at least 32 characters.")
    token_hours: float = Field(default=12, gt=0, le=720, description="How long a signed token is good.")
    cookie_secure: bool = Field(default=False, description="Send the cookie over https only; on wherever there is TLS.")
    allowed_origins: str = Field(default="", description="https://…,… whose pages may use the cookie besides our own.")

    @property
    def origins(self) -> frozenset[str]:
        return frozenset(origin.strip().rstrip("/") for origin in self.allowed_origins.split(",") if origin.strip())
