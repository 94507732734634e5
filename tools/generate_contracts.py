"""Generate libs/contracts from proto/; with --check only say whether what is committed is stale (exit 1).

Generated modules import each other from the package `vai_contracts`, so that nothing depends on a second source root.
"""

import argparse
import filecmp
import re
import shutil
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "proto"
TARGET = ROOT / "libs/contracts/src/vai_contracts"
PACKAGE = '"""Generated from proto/ by `make generate`; not edited."""\n'

IMPORT = re.compile(r"^(\s*)(from|import) vai\.", re.MULTILINE)


def compile_protos(out: Path) -> None:
    """Write the modules and their stubs under `out`/vai. Exits with protoc's message where a file is wrong."""
    sources = sorted(str(path.relative_to(SOURCE)) for path in SOURCE.glob("vai/**/*.proto"))
    plugins = [f"--{kind}_out={out}" for kind in ("python", "grpc_python")]
    plugins += [f"--{kind}_out=quiet:{out}" for kind in ("mypy", "mypy_grpc")]
    well_known = files("grpc_tools") / "_proto"
    bin_folder = Path(sys.executable).parent
    programs = [f"--plugin={name}={bin_folder / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
    if protoc.main(["protoc", f"-I{SOURCE}", f"-I{well_known}", *programs, *plugins, *sources]) != 0:
        sys.exit("protoc refused the files under proto/; its message stands above")


def without_service(module: Path) -> bool:
    """Whether a gRPC module has no service in it, so that nobody needs it."""
    return "_pb2_grpc" in module.name and "Stub" not in module.read_text()


def rewrite(out: Path) -> None:
    """Make a package of what protoc wrote."""
    for module in out.rglob("*_pb2*"):
        if without_service(module):
            module.unlink()
            continue
        module.write_text(IMPORT.sub(r"\1\2 vai_contracts.vai.", module.read_text()))
    for folder in [out / "vai", *(path for path in out.glob("vai/**/") if path.is_dir())]:
        (folder / "__init__.py").write_text(PACKAGE)


def differences(fresh: Path, committed: Path) -> list[Path]:
    """Files that differ, are missing or have no source any more, relative to both folders."""
    names = {
        path.relative_to(root)
        for root in (fresh, committed)
        for path in root.rglob("*.py*")
        if path.suffix in (".py", ".pyi")
    }
    return sorted(name for name in names if not same(fresh / name, committed / name))


def same(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and filecmp.cmp(one, other, shallow=False)


def replace(fresh: Path, committed: Path, stale: list[Path]) -> None:
    for name in stale:
        (committed / name).unlink(missing_ok=True)
        if (fresh / name).is_file():
            (committed / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(fresh / name, committed / name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        compile_protos(fresh)
        rewrite(fresh)
        stale = differences(fresh / "vai", TARGET / "vai")
        if not check:
            replace(fresh / "vai", TARGET / "vai", stale)
    for name in stale:
        sys.stderr.write(f"{'stale' if check else 'written'}: libs/contracts/src/vai_contracts/vai/{name}\n")
    if check and stale:
        sys.stderr.write("run `make generate` and commit what it writes\n")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
