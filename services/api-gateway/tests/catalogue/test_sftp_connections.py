"""Connections to SFTP servers where the installation has no client; with one they are tested in tests/sftp."""

import sys

import httpx2
import pytest

CONNECTIONS = "/api/v1/connections"


async def test_its_test_says_how_to_get_the_client(api: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    given = {"provider": "sftp", "name": "Files", "config": {"host": "files.example.com"}}
    made = await api.post(CONNECTIONS, json=given)
    assert made.status_code == 201, made.text
    found = (await api.post(f"{CONNECTIONS}/{made.json()['id']}/test")).json()
    assert found["ok"] is False
    assert "make image SFTP=1" in found["message"]


async def test_what_nobody_could_use_is_refused_when_it_is_saved(api: httpx2.AsyncClient) -> None:
    given = {"provider": "sftp", "name": "Files", "config": {"host": "sftp://files.example.com"}}
    answer = await api.post(CONNECTIONS, json=given)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "config", "host"]
