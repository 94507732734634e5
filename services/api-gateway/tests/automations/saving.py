"""Saves and changes automations through the API, for the tests of this folder."""

from typing import Any

import httpx2

from vai_api_gateway.automations.shapes import AutomationShape

AUTOMATIONS = "/api/v1/automations"
NOOP: dict[str, Any] = {"kind": "dlt_extract", "definition": {"source": "noop"}}


def body(*steps: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """An automation as `POST /automations` takes it. Without steps it has one that does nothing."""
    return {"name": "Nightly", "steps": list(steps) or [{"key": "load", "action": NOOP}]} | parts


async def make(api: httpx2.AsyncClient, *steps: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """Save an automation. Return the answer, which has the documented shape."""
    answer = await api.post(AUTOMATIONS, json=body(*steps, **parts))
    assert answer.status_code == 201, answer.text
    AutomationShape.model_validate(answer.json())
    made: dict[str, Any] = answer.json()
    return made


async def patched(api: httpx2.AsyncClient, made: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """Change parts of an automation. Return the answer, which has the documented shape."""
    answer = await api.patch(f"{AUTOMATIONS}/{made['id']}", json=parts)
    assert answer.status_code == 200, answer.text
    AutomationShape.model_validate(answer.json())
    found: dict[str, Any] = answer.json()
    return found
