"""Builds the console and holds its sources: `make console`, `make verify-console`.

usage: python -m tools.console build      build it into console/dist, if it has changed
       python -m tools.console beside     the same in a process beside, which nobody waits for
       python -m tools.console browser    build it, and fetch what drives a browser in its tests
       python -m tools.console verify     do TypeScript, linter and licences agree?

The API's types are those of the TypeScript client (tools/typescript).

`beside` never fails: what became of it is in .cache/console/state, which `make up` tells.
"""

import subprocess
import sys

from tools.console.build import build, fetch_driver, fingerprint, install
from tools.console.licences import faults_in
from tools.console.node import NotBuilt
from tools.console.places import BUILT, CACHE, LOG, ROOT, SOURCES, STATE


def beside() -> None:
    """Begin the build in a process of its own, if there is something to build."""
    mark = BUILT / ".built"
    if mark.exists() and mark.read_text() == fingerprint():
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    STATE.write_text("it is being built\n")
    with LOG.open("w") as log:
        command = ("nice", "-n", "10", sys.executable, "-m", "tools.console", "build")
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)


def verify() -> int:
    """The exit code: 1 where something is wrong. Raises NotBuilt where a tool fails."""
    install()
    wrong = faults_in()
    checks = (("npx", "--no-install", "tsc", "--noEmit"), ("npx", "--no-install", "biome", "ci", "."))
    for check in checks:
        done = subprocess.run((sys.executable, "-m", "tools.console", "tool", *check[2:]), cwd=ROOT, check=False)
        if done.returncode:
            wrong.append(f"{check[2]} has something against console/")
    for line in wrong:
        _say(line)
    return 1 if wrong else 0


def tool(*command: str) -> int:
    """One of Node's tools, with its words shown; its exit code."""
    from tools.console.node import environment, node

    install()
    ended = subprocess.run(("npx", "--no-install", *command), cwd=SOURCES, env=environment(node()), check=False)
    return ended.returncode


def main(arguments: list[str]) -> int:
    what, *rest = arguments or ["build"]
    try:
        if what == "beside":
            beside()
        elif what == "browser":
            _say(f"console: {build()}")
            fetch_driver()
        elif what == "verify":
            return verify()
        elif what == "tool":
            return tool(*rest)
        elif what == "build":
            _say(f"console: {build()}")
        else:
            _say(f"{what} is none of: build, beside, browser, verify, tool")
            return 2
    except NotBuilt as error:
        _say(f"console: not built, {error}")
        return 1
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
