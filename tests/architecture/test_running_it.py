"""docs/running.md names every command and every setting that there is, and no other."""

import re
from importlib import import_module

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
