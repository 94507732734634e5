"""A client by openapi-python-client: an action is made and run, its log is followed, what is not there is told."""

import os
from uuid import uuid4

from generated import AuthenticatedClient
from generated.api.action_runs import create_run, get_run, list_runs
from generated.api.actions import create_action, run_action
from generated.api.automations import create_automation, validate_automation
from generated.api.logs import get_logs, stream_logs
from generated.models import ActionBody, AutomationBody, ProblemBody, RunBody

NOOP = {"kind": "dlt_extract", "definition": {"source": "noop"}}

client = AuthenticatedClient(
    os.environ["VAI_API_URL"], os.environ["VAI_API_KEY"], prefix="", auth_header_name="X-API-Key"
)
run = create_run.sync(client=client, body=RunBody.from_dict(NOOP), prefer="wait=30")
assert run.status == "completed", run
assert get_run.sync(run.id, client=client).id == run.id
assert any(each.id == run.id for each in list_runs.sync(client=client, limit=50).runs)

name = f"generated {uuid4().hex[:8]}"
action = create_action.sync(client=client, body=ActionBody.from_dict({"name": name, **NOOP}))
again = run_action.sync(action.id, client=client, prefer="wait=30")
assert (again.action_id, again.status) == (action.id, "completed"), again
assert "run_completed" in stream_logs.sync_detailed(run.id, client=client).content.decode()
assert get_logs.sync(run.id, client=client).entries

steps = {"name": name, "steps": [{"key": "first", "action": NOOP}]}
assert validate_automation.sync(client=client, body=AutomationBody.from_dict(steps)).valid
assert create_automation.sync(client=client, body=AutomationBody.from_dict(steps)).steps[0].key == "first"

missing = get_run.sync(uuid4(), client=client)
assert isinstance(missing, ProblemBody), missing
assert missing.detail[0].type_ == "not_found"
print(f"openapi-python-client: run {run.id} completed")
