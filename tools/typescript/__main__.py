"""Draws the API's types, for the TypeScript client and the console; holds the client, packs it, runs its tests.

usage: python -m tools.typescript types     draw clients/typescript/src/schema.ts from the API's document
       python -m tools.typescript verify    are the types up to date, do TypeScript, linter and licences agree?
       python -m tools.typescript pack      dist/vai-client-<version>.tgz, as npm would publish it
       python -m tools.typescript test      the tests, on a stack of their own, and the packed client beside them

It needs Node, as the console does: the machine's, or one from a Python package.
"""

import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tools.console.build import install, run
from tools.console.document import document
from tools.console.licences import faults_in
from tools.console.node import NotBuilt, environment, node
from tools.console.places import ROOT
from vai_testkit.stack import running_stack

SOURCES = ROOT / "clients/typescript"
CACHE = ROOT / ".cache/typescript"
_TYPES = SOURCES / "src/schema.ts"
_SECONDS = 300
_PAGES = (ROOT / "docs/typescript-client.md", SOURCES / "README.md")
_BLOCK = re.compile(r"^```ts\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_BEFORE = """
const key = process.env.VAI_API_KEY ?? "";
const day = "2026-01-31";
export { day, key };
"""
"""What the examples of the pages find."""

_COMPILE = (
    *("--module", "nodenext", "--target", "es2022", "--types", "node"),
    *("--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess"),
)


def types(into: Path) -> None:
    """Draw the types. Raises NotBuilt."""
    CACHE.mkdir(parents=True, exist_ok=True)
    source = CACHE / "openapi.json"
    source.write_text(json.dumps(document()))
    run(("npx", "--no-install", "openapi-typescript", str(source), "-o", str(into)), _SECONDS, SOURCES)


def verify() -> int:
    """The exit code: 1 where something is wrong. Raises NotBuilt where the packages can't be had."""
    install(SOURCES)
    fresh = CACHE / "schema.ts"
    types(fresh)
    wrong = faults_in(SOURCES)
    if not _TYPES.exists() or fresh.read_text() != _TYPES.read_text():
        wrong.append("clients/typescript/src/schema.ts is stale: python -m tools.typescript types")
    for check in ("tsc", "--noEmit"), ("biome", "ci", "."):
        if _shown("npx", "--no-install", *check):
            wrong.append(f"{check[0]} has something against clients/typescript")
    for line in wrong:
        _say(line)
    return 1 if wrong else 0


def pack() -> Path:
    """The package as npm would publish it. Raises NotBuilt."""
    install(SOURCES)
    (ROOT / "dist").mkdir(exist_ok=True)
    shutil.copy(ROOT / "LICENSE", SOURCES / "LICENSE")
    shutil.rmtree(SOURCES / "dist", ignore_errors=True)
    run(("npm", "pack", "--pack-destination", str(ROOT / "dist")), _SECONDS, SOURCES)
    version = json.loads((SOURCES / "package.json").read_text())["version"]
    return ROOT / f"dist/vai-client-{version}.tgz"


async def test() -> int:
    """The exit code of the tests. Raises NotBuilt where the client does not compile or can't be packed."""
    packed = pack()
    shutil.rmtree(SOURCES / ".build", ignore_errors=True)
    run(("npx", "--no-install", "tsc"), _SECONDS, SOURCES)
    with tempfile.TemporaryDirectory(prefix="vai-typescript-") as folder:
        async with running_stack(Path(folder) / "stack") as stack:
            told = {"VAI_API_URL": stack.api_url, "VAI_API_KEY": str(stack.describe()["api_key"])}
            files = sorted(str(file.relative_to(SOURCES)) for file in (SOURCES / ".build/tests").glob("*.test.js"))
            code = await asyncio.to_thread(lambda: _shown("node", "--test", "--test-reporter=spec", *files, told=told))
            return code or await asyncio.to_thread(_used_elsewhere, packed, Path(folder) / "user", told)


def _used_elsewhere(packed: Path, folder: Path, told: dict[str, str]) -> int:
    """The examples of the pages, compiled and run in a project of their own that has installed the packed client."""
    home = folder / "node_modules/vai-client"
    home.mkdir(parents=True)
    subprocess.run(("tar", "-xzf", str(packed), "-C", str(home), "--strip-components=1"), check=True)
    for name in ("openapi-fetch", "openapi-typescript-helpers", "@types", "undici-types"):
        shutil.copytree(SOURCES / "node_modules" / name, folder / "node_modules" / name)
    (folder / "package.json").write_text('{"type": "module"}')
    for number, page in enumerate(_PAGES):
        examples = "\n".join(_BLOCK.findall(page.read_text())).replace("http://127.0.0.1:8080", told["VAI_API_URL"])
        (folder / f"page{number}.ts").write_text(_BEFORE + examples.replace("process.env.VAI_API_KEY }", "key }"))
        compiler = ("node", str(SOURCES / "node_modules/typescript/bin/tsc"))
        code = _shown(*compiler, *_COMPILE, f"page{number}.ts", folder=folder)
        code = code or _shown("node", f"page{number}.js", folder=folder, told=told)
        if code:
            _say(f"typescript: the examples of {page.relative_to(ROOT)} do not work")
            return code
    _say(f"typescript: {packed.name} works, and so do the examples of {len(_PAGES)} pages")
    return 0


def _shown(*command: str, folder: Path = SOURCES, told: Mapping[str, str] | None = None) -> int:
    """A tool of Node, with its words shown; its exit code."""
    return subprocess.run(command, cwd=folder, env={**environment(node()), **(told or {})}, check=False).returncode


def main(arguments: list[str]) -> int:
    what = arguments[0] if arguments else ""
    try:
        if what == "types":
            install(SOURCES)
            types(_TYPES)
        elif what == "verify":
            return verify()
        elif what == "pack":
            _say(f"typescript: {pack().relative_to(ROOT)}")
        elif what == "test":
            return asyncio.run(test())
        else:
            _say(f"{what or 'nothing'} is none of: types, verify, pack, test")
            return 2
    except NotBuilt as error:
        _say(f"typescript: not run, {error}")
        return 1
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
