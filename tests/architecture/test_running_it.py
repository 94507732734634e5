"""docs/running.md names every command and every setting that there is, and no other."""

import json
import re
from importlib import import_module

import yaml  # type: ignore[import-untyped]

from tests.architecture.workspace import ROOT, SERVICES, package_of

PAGE = (ROOT / "docs/running.md").read_text()
SERVICE_SETTINGS = PAGE.split("## Settings of the services")[1].split("\n## ")[0]
OF_CLIENTS = {"VAI_API_URL", "VAI_API_KEY"}


def test_every_make_target_is_explained() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)`", PAGE)) == targets - {"help"}


def test_every_setting_of_a_service_is_explained_and_no_other() -> None:
    settings = [import_module(f"{package_of(service).name}.settings").Settings for service in SERVICES]
    there = {f"VAI_{name.upper()}" for each in settings for name in each.model_fields}
    assert set(re.findall(r"`(VAI_[A-Z_]+)`", SERVICE_SETTINGS)) - OF_CLIENTS == there


def test_a_page_that_another_one_links_to_is_there() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())]
    assert links
    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []


def test_a_heading_that_a_link_names_is_there() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    links = [
        (page, page.parent / name if name else page, anchor)
        for page in pages
        for name, anchor in re.findall(r"\]\(([\w./-]+\.md)?#([^)]+)\)", page.read_text())
    ]
    assert links
    assert [(page.name, to.name, anchor) for page, to, anchor in links if anchor not in _anchors(to.read_text())] == []


def _anchors(page: str) -> set[str]:
    """Of a page's headings, as the usual forges make them."""
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def test_what_a_forge_and_an_editor_call_is_what_people_call() -> None:
    ci = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    steps = [step.get("run", "") for job in ci["jobs"].values() for step in job["steps"]]
    assert ".ci/run" in steps
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert {repository["repo"] for repository in hooks} == {"local"}, "hooks of others are fetched from elsewhere"
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    commands = [*steps, *(hook["entry"] for each in hooks for hook in each["hooks"]), container["postCreateCommand"]]
    called = {target for command in commands for target in re.findall(r"\bmake ([a-z-]+)", command)}
    assert {"setup", "lint", "verify", "coverage"} <= called
    assert called <= set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
