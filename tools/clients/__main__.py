"""Lets generators make clients of the API, compiles each, and has it work on a real stack: `make clients`.

One whose tools are not here, or whose registry does not answer, is not run; the last lines say which were.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx2

from vai_devstack.stack import Stack
from vai_testkit.stack import client_of, running_stack

_USES = Path(__file__).with_name("uses")
_CACHE = Path(os.environ.get("VAI_CACHE") or Path(__file__).resolve().parents[2] / ".cache") / "clients"
_BIN = _CACHE / "environment" / "bin"
_DOCUMENT = _CACHE / "openapi.json"

Command = tuple[str, ...]


@dataclass(frozen=True)
class Generated:
    """`reach` asks a registry for what the build needs; where that fails, the client is not to blame."""

    name: str
    uses: tuple[str, ...]
    make: tuple[Command, ...]
    run: Command
    tools: tuple[str, ...] = ()
    reach: tuple[Command, ...] = ()
    build: tuple[Command, ...] = ()

    @property
    def folder(self) -> Path:
        return _CACHE / self.name


_PYTHON = str(_BIN / "python")
_MAVEN = ("mvn", "-q", "-B", "-ntp")


def _openapi_generator(language: str, folder: str, **properties: str) -> Command:
    quiet = ("--global-property", "apiTests=false,modelTests=false,apiDocs=false,modelDocs=false")
    said = f"--additional-properties={','.join(f'{name}={value}' for name, value in properties.items())}"
    program = str(_BIN / "openapi-generator-cli")
    return (program, "generate", "-i", str(_DOCUMENT), "-g", language, "-o", folder, *quiet, said)


_OPENAPI_PYTHON_CLIENT = (
    str(_BIN / "openapi-python-client"),
    *("generate", "--path", str(_DOCUMENT), "--output-path", "generated", "--meta", "none"),
    *("--overwrite", "--fail-on-warning"),
)
_JAVA = {"library": "native", "useSingleRequestParameter": "true", "invokerPackage": "generated"}
_JAVA_PACKAGES = {"apiPackage": "generated.api", "modelPackage": "generated.model"}
_TYPESCRIPT = (
    *("npx", "tsc", "--noEmit", "--strict", "--target", "es2022", "--module", "preserve"),
    *("--types", "node", "--skipLibCheck", "use.ts"),
)

CLIENTS = (
    Generated(
        "openapi-python-client",
        uses=("openapi_python_client.py",),
        make=(_OPENAPI_PYTHON_CLIENT,),
        run=(_PYTHON, "openapi_python_client.py"),
    ),
    Generated(
        "openapi-generator-python",
        uses=("openapi_generator.py",),
        make=(_openapi_generator("python", ".", packageName="generated"),),
        run=(_PYTHON, "openapi_generator.py"),
    ),
    Generated(
        "openapi-generator-go",
        uses=("go/main.go",),
        tools=("go",),
        make=(_openapi_generator("go", "generated", packageName="generated", withGoMod="false"),),
        reach=(("go", "mod", "tidy"),),
        build=(("go", "vet", "./..."), ("go", "build", "-o", "use", ".")),
        run=("./use",),
    ),
    Generated(
        "openapi-generator-java",
        uses=("java/Use.java",),
        tools=("java", "mvn"),
        make=(_openapi_generator("java", ".", **_JAVA, **_JAVA_PACKAGES),),
        reach=((*_MAVEN, "dependency:copy-dependencies", "-DoutputDirectory=target/libs"),),
        build=((*_MAVEN, "-DskipTests", "-Dmaven.javadoc.skip", "compile"),),
        run=("java", "-cp", "target/classes:target/libs/*", "use.Use"),
    ),
    Generated(
        "openapi-ts",
        uses=("typescript/use.ts", "typescript/package.json"),
        tools=("npm", "node"),
        reach=(("npm", "install", "--silent", "--no-audit", "--no-fund"),),
        make=(("npx", "openapi-ts", "-i", str(_DOCUMENT), "-o", "generated", "--silent"),),
        build=(_TYPESCRIPT,),
        run=("npx", "tsx", "use.ts"),
    ),
)


class Broken(Exception):
    """A client is not generated, does not compile, or does not work."""


def _environment() -> None:
    """The generators' own Python environment, made once."""
    wanted = Path(__file__).with_name("requirements.txt")
    if (_CACHE / "environment" / "requirements.txt").exists() and (
        (_CACHE / "environment" / "requirements.txt").read_text() == wanted.read_text()
    ):
        return
    uv = str(Path(sys.executable).parent / "uv")
    _done(_CACHE, (uv, "venv", "--quiet", "--clear", "--python", sys.executable, "environment"))
    _done(_CACHE, (uv, "pip", "install", "--quiet", "--python", str(_BIN / "python"), "-r", str(wanted)))
    shutil.copy(wanted, _CACHE / "environment" / "requirements.txt")


def _done(folder: Path, command: Command, more: Mapping[str, str] | None = None) -> str:
    """What a command printed. Raises Broken with it where it fails."""
    environment = {**os.environ, "PATH": f"{_BIN}:{os.environ.get('PATH', '')}", **(more or {})}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Broken(f"{' '.join(command)}\n{(done.stdout + done.stderr).strip()[-4_000:]}")
    return done.stdout


def built(client: Generated) -> str:
    """Generates and compiles; answers why that cannot be done here, or nothing."""
    if missing := [tool for tool in client.tools if shutil.which(tool) is None]:
        return f"there is no {' and no '.join(missing)}"
    shutil.rmtree(client.folder / "generated", ignore_errors=True)
    client.folder.mkdir(parents=True, exist_ok=True)
    _place(client)
    generated_first = not client.name.endswith("-ts")
    for command in client.make if generated_first else ():
        _done(client.folder, command)
    for command in client.reach:
        try:
            _done(client.folder, command)
        except Broken as error:
            return f"its registry does not answer: {str(error).splitlines()[-1]}"
    for command in () if generated_first else client.make:
        _done(client.folder, command)
    for command in client.build:
        _done(client.folder, command)
    return ""


def _place(client: Generated) -> None:
    """Puts the program that uses the client where its language looks for it."""
    for name in client.uses:
        source = _USES / name
        place = client.folder / ("src/main/java/use" if source.suffix == ".java" else "")
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, place / source.name)
    if client.name.endswith("-go"):
        (client.folder / "go.mod").write_text("module example.com/use\n\ngo 1.21\n")


async def _described(stack: Stack) -> None:
    async with client_of(stack) as api:
        answer: httpx2.Response = await api.get("/openapi.json")
    _DOCUMENT.write_text(json.dumps(answer.json()))


async def main(names: list[str]) -> int:
    chosen = [client for client in CLIENTS if not names or client.name in names]
    if len(chosen) < len(names):
        sys.exit(f"there are {', '.join(client.name for client in CLIENTS)}")
    _CACHE.mkdir(parents=True, exist_ok=True)
    _environment()
    told: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        async with running_stack(Path(folder) / "vai") as stack:
            await _described(stack)
            reach = {"VAI_API_URL": stack.api_url, "VAI_API_KEY": stack.api_key}
            for client in chosen:
                _say(f"{client.name}: generates and compiles")
                why_not = await asyncio.to_thread(built, client)
                done = "" if why_not else await asyncio.to_thread(_done, client.folder, client.run, reach)
                told.append(f"clients/{client.name}: {f'not run, {why_not}' if why_not else done.strip()}")
    for line in told:
        _say(line)
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main(sys.argv[1:])))
    except Broken as error:
        sys.exit(str(error))
