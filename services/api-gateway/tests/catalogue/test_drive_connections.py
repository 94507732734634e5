"""Connections to Google Drive: the provider fills in what is the same for all, and the test asks who the account is."""

import httpx2

from vai_testkit.vendors.google_drive import google_drive

CONNECTIONS = "/api/v1/connections"


async def test_a_service_account_is_all_that_a_connection_needs(api: httpx2.AsyncClient) -> None:
    with google_drive() as drive:
        given = {"provider": "google_drive", "name": "Drive", "credentials": drive.credentials}
        answer = await api.post(CONNECTIONS, json=given)
    assert answer.status_code == 201, answer.text
    assert answer.json()["config"]["auth"]["access_token_url"] == "https://oauth2.googleapis.com/token"
    assert "PRIVATE KEY" not in answer.text


async def test_its_test_asks_for_the_account(at_home: httpx2.AsyncClient) -> None:
    with google_drive() as drive:
        given = {"provider": "google_drive", "name": "Drive", "config": drive.config, "credentials": drive.credentials}
        made = (await at_home.post(CONNECTIONS, json=given)).json()
        good = (await at_home.post(f"{CONNECTIONS}/{made['id']}/test")).json()
        assert (good["ok"], good["checked"]) == (True, ["address", "credentials"]), good
        assert drive.asked == ["POST /token", "GET /drive/v3/about"]
        drive.refusals.append(("/about", 403, "accessNotConfigured"))
        bad = (await at_home.post(f"{CONNECTIONS}/{made['id']}/test")).json()
        assert bad["error"]["code"] == "AUTH_ERROR"
