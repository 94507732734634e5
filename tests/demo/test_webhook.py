"""The web server that the examples are told by."""

from typing import Any

import httpx2

from examples import webhook


def test_it_hears_the_path_and_the_json_of_a_post() -> None:
    heard: list[tuple[str, Any]] = []
    hook = webhook.receiving(lambda path, told: heard.append((path, told)))
    with hook as address, httpx2.Client(trust_env=False) as client:
        assert client.post(f"{address}/done", json={"rows": 3}).json() == {"received": True}
        assert client.post(f"{address}/done", content=b"{").status_code == 400
        huge = client.post(f"{address}/done", content=b" " * (webhook.MOST_BYTES + 1))
        assert huge.status_code == 413
    assert heard == [("/done", {"rows": 3})]
