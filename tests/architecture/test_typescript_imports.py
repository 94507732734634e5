"""The TypeScript client runs in browsers, too: bundlers find nothing of Node in it."""

import re

from tests.architecture.workspace import ROOT

_SOURCES = sorted((ROOT / "clients/typescript/src").glob("*.ts"))
_IMPORT = re.compile(r"""(?:\bfrom|\bimport|\brequire\()\s*\(?["']([^"']+)["']""")


def test_it_imports_its_own_files_and_one_small_library() -> None:
    found = {name for source in _SOURCES for name in _IMPORT.findall(source.read_text())}
    assert {name for name in found if not name.startswith("./")} == {"openapi-fetch"}
