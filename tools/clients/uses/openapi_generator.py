"""A client by OpenAPI Generator (python): an action is made and run, its log is read, what is not there is told."""

import os
from uuid import uuid4

import generated
from generated.exceptions import NotFoundException

NOOP = {"kind": "dlt_extract", "definition": {"source": "noop"}}

settings = generated.Configuration(host=os.environ["VAI_API_URL"], api_key={"apiKey": os.environ["VAI_API_KEY"]})
with generated.ApiClient(settings) as client:
    runs, actions = generated.ActionRunsApi(client), generated.ActionsApi(client)
    logs, automations = generated.LogsApi(client), generated.AutomationsApi(client)

    run = runs.create_run(generated.RunBody.from_dict(NOOP), prefer="wait=30")
    assert run.status == "completed", run
    assert runs.get_run(run.id).id == run.id
    assert any(each.id == run.id for each in runs.list_runs(limit=50).runs)

    name = f"generated {uuid4().hex[:8]}"
    action = actions.create_action(generated.ActionBody.from_dict({"name": name, **NOOP}))
    again = actions.run_action(action.id, prefer="wait=30")
    assert (again.action_id, again.status) == (action.id, "completed"), again
    assert "run_completed" in logs.stream_logs(run.id)
    assert logs.get_logs(run.id).entries

    steps = {"name": name, "steps": [{"key": "first", "action": NOOP}]}
    assert automations.create_automation(generated.AutomationBody.from_dict(steps)).steps[0].key == "first"
    try:
        runs.get_run(uuid4())
    except NotFoundException as missing:
        assert missing.data.detail[0].type == "not_found"
    else:
        raise AssertionError("a run that is not there was answered")
print(f"openapi-generator (python): run {run.id} completed")
