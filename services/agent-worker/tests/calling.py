"""Performs runs of `http_request` against servers on this machine, for the tests of this folder."""

from typing import Any

import pytest

from vai_agent_worker.http_request import HttpRequest
from vai_common.egress.addresses import Policy
from vai_common.errors import RunError
from vai_testkit.owned import HeldRun
from vai_worker.children.job import ConnectionSecret

LOOPBACK = Policy.parse("loopback")


def held(definition: dict[str, Any], connection: ConnectionSecret | None = None) -> HeldRun:
    """A run of this definition that a worker holds."""
    return HeldRun("http_request", definition, connection)


async def perform(definition: dict[str, Any], connection: ConnectionSecret | None = None) -> dict[str, Any]:
    """The result of such a run."""
    return await HttpRequest(LOOPBACK).perform(held(definition, connection))


async def failure(definition: dict[str, Any], connection: ConnectionSecret | None = None) -> RunError:
    """The error of such a run. The test fails if the run succeeds."""
    with pytest.raises(RunError) as failed:
        await perform(definition, connection)
    return failed.value
