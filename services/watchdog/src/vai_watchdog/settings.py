"""The settings of the watchdog: those that every service has."""

from vai_common.settings import Settings as ServiceSettings


class Settings(ServiceSettings):
    """It has no settings of its own."""
