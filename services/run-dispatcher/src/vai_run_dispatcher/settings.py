"""The settings of the run-dispatcher: those that every service has."""

from vai_common.settings import Settings as ServiceSettings


class Settings(ServiceSettings):
    """Nothing of its own."""
