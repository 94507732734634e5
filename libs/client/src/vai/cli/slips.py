"""Warns of names in the environment that are almost names of settings. Without it a typing error would have no visible
effect.

The services warn of every unknown VAI_* name. `vai` may be older or newer than they are and share its environment with
them, so it warns of what is near to its own names alone.
"""

from collections.abc import Iterable
from difflib import get_close_matches

OWN = ("VAI_API_URL", "VAI_API_KEY", "VAI_PROFILE", "VAI_ADMIN_TOKEN", "VAI_HOME")
OF_SERVICES = frozenset(("VAI_LAKE_URL", "VAI_PROXIES", "VAI_PUBLIC_URL", "VAI_SPARK_URL"))
"""Names of settings that are near to one of ours (a test holds them against all settings)."""


def slips(environ: Iterable[str]) -> dict[str, str]:
    """The names that nobody reads, each with the one that was perhaps meant."""
    strange = sorted(name for name in environ if name.upper().startswith("VAI_") and name not in OWN)
    near = {name: get_close_matches(name.upper(), OWN, 1, 0.75) for name in strange if name not in OF_SERVICES}
    return {name: found[0] for name, found in near.items() if found}
