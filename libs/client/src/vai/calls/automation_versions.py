"""The calls about the versions of an automation: its steps, inputs and conditions at a time."""

from vai.call import API, PAGE, Call, Page, get_call, given, offset_list, segment
from vai.models.automations import Automation, AutomationVersion, Difference


def listing(automation_id: str, *, limit: int = PAGE, offset: int = 0) -> Call[Page[AutomationVersion]]:
    """The versions of an automation, newest first, without their steps."""
    path = f"/automations/{segment(automation_id)}/versions"
    return offset_list(path, "versions", AutomationVersion, given(limit=limit), offset)


def get(automation_id: str, version_id: str) -> Call[AutomationVersion]:
    """A version with its steps, inputs and conditions."""
    return get_call(_path(automation_id, version_id), AutomationVersion.read)


def difference(automation_id: str, version_id: str, base: str | None = None) -> Call[Difference]:
    """What is different in a version from `base`, or from the version before it. Secrets are not shown."""
    path = f"{API}{_path(automation_id, version_id)}/difference"
    return Call("GET", path, Difference.read, query=given(base=base), repeatable=True)


def restore(automation_id: str, version_id: str, *, if_match: str | None = None) -> Call[Automation]:
    """Let the automation say again what it said then, as a new version; `if_match` as in `automations.update`."""
    headers = {} if if_match is None else {"If-Match": if_match}
    path = f"{API}{_path(automation_id, version_id)}/restore"
    return Call("POST", path, Automation.read, headers=headers, repeatable=if_match is None)


def _path(automation_id: str, version_id: str) -> str:
    return f"/automations/{segment(automation_id)}/versions/{segment(version_id)}"
