"""The call about the platform itself."""

from vai.call import Call, get_call
from vai.models.system import System


def get() -> Call[System]:
    """Processes, queues, the journal and the database. For administrators."""
    return get_call("/system", System.read)
