"""The settings of the watchdog."""

from pydantic import Field

from vai_common.settings import Settings as ServiceSettings
from vai_records.audit.entries import SHORTEST_KEPT


class Settings(ServiceSettings):
    """The settings of every service, and how long the audit log is kept."""

    audit_days: int = Field(
        default=400, ge=SHORTEST_KEPT, le=36_500, description="How long entries of the audit log are kept."
    )
