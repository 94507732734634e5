"""The settings that every worker has."""

from pydantic import Field

from vai_common.settings import Settings


class WorkerSettings(Settings):
    """Empty `kinds` means all kinds of the service."""

    slots: int = Field(default=32, ge=1, le=1000, description="Runs held at once.")
    kept_percent: int = Field(
        default=25, ge=0, le=90, description="Of the slots, kept for other organisations than the one with most runs."
    )
    kinds: str = Field(default="", description="Comma-separated; empty: all kinds of the service.")
    grpc_host: str = "127.0.0.1"
    grpc_port: int = Field(default=0, ge=0, le=65535, description="0 takes a free one.")
    stop_seconds: float = Field(
        default=38.0,
        ge=10,
        le=3600,
        description="For a stop (SIGTERM); a little less than the wait before SIGKILL.",
    )
    child_memory_mb: int = Field(
        default=2048, ge=128, description="Memory that one heavy run may use; below the pod's limit."
    )

    def kinds_among(self, possible: tuple[str, ...]) -> tuple[str, ...]:
        """The configured kinds; raises ValueError for one that the service cannot run."""
        wanted = tuple(word.strip() for word in self.kinds.split(",") if word.strip()) or possible
        unknown = sorted(set(wanted) - set(possible))
        if unknown:
            raise ValueError(f"VAI_KINDS names {', '.join(unknown)}; this service runs only {', '.join(possible)}")
        return wanted
