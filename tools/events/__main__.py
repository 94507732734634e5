"""`python -m tools.events` writes docs/events.md and docs/asyncapi.yaml; with --check it exits 1 where one is stale."""

import argparse
import sys

from tools.events import asyncapi
from tools.events.page import page
from tools.events.reading import ROOT, read


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.events", description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    contracts = read()
    drawn = {ROOT / "docs/events.md": page(contracts), ROOT / "docs/asyncapi.yaml": asyncapi.text(contracts)}
    stale = [path for path, text in drawn.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        sys.stderr.write(f"{'stale' if check else 'written'}: {path.relative_to(ROOT)}\n")
        if not check:
            path.write_text(drawn[path])
    if check and stale:
        sys.stderr.write("run `make generate` and commit what it writes\n")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
