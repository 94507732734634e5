"""Every setting of a service is a name that all services know, and stands in docs/running.md."""

import importlib
from typing import Any

import pytest

from tests.architecture.workspace import ROOT
from vai.cli.slips import OF_SERVICES, OWN, slips
from vai_common.environment import NAMES
from vai_common.settings import Settings
from vai_devstack.services import SERVICES

_NOT_OF_SERVICES = {"API_KEY", "API_URL", "CACHE", "FUZZ", "HOME", "PORT_BASE", "PROFILE"}


def _settings(module: str) -> Any:
    found = importlib.import_module(f"{module}.settings")
    return next(
        one
        for one in vars(found).values()
        if isinstance(one, type) and issubclass(one, Settings) and one.__module__ == found.__name__
    )


def _names(module: str) -> set[str]:
    return {f"VAI_{name.upper()}" for name in _settings(module).model_fields}


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_every_setting_is_known_and_documented(service: Any) -> None:
    names, page = _names(service.module), (ROOT / "docs/running.md").read_text()
    assert names <= NAMES
    assert [name for name in sorted(names) if f"`{name}`" not in page and f"`{name}=" not in page] == []


def test_the_command_line_takes_no_known_name_for_a_slip() -> None:
    assert slips(NAMES) == {}
    assert OF_SERVICES | set(OWN) <= NAMES


def test_no_name_is_known_that_nobody_reads() -> None:
    read = {name for service in SERVICES for name in _names(service.module)}
    assert read | {f"VAI_{name}" for name in _NOT_OF_SERVICES} == NAMES
