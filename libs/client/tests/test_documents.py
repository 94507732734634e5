"""docs/cli.md and docs/python-client.md list what there is, and nothing else."""

from tools import client_pages


def test_both_pages_list_what_there_is() -> None:
    assert client_pages.stale() == []


def test_the_lists_are_not_empty() -> None:
    assert "`vai runs list`" in client_pages.commands()
    assert "`runs.create(kind, definition=…, *, idempotency_key=…" in client_pages.methods()
