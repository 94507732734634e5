"""The time, for times that people say in words. The client stands alone, without the platform's own clock."""

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)
