"""Builds the guide: `make guide`.

usage: python -m tools.guide build     build docs/ into .cache/guide/site, if it has changed
       python -m tools.guide beside    the same in a process beside, which nobody waits for

A link that leads nowhere and a page that no contents name end the build. `beside` never fails: what became of it is in
.cache/guide/state, which `make up` tells.
"""

import subprocess
import sys

from tools.guide.build import NotBuilt, build, fingerprint, is_built
from tools.guide.places import CACHE, LOG, ROOT, STATE


def beside() -> None:
    """Begin the build in a process of its own at the lowest priority, if there is something to build."""
    if is_built(fingerprint()):
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    STATE.write_text("it is being built\n")
    with LOG.open("w") as log:
        command = ("nice", "-n", "19", sys.executable, "-m", "tools.guide", "build")
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)


def main(arguments: list[str]) -> int:
    what = arguments[0] if arguments else "build"
    try:
        if what == "beside":
            beside()
        elif what == "build":
            _say(f"guide: {build()}")
        else:
            _say(f"{what} is none of: build, beside")
            return 2
    except NotBuilt as error:
        _say(f"guide: not built\n{error}")
        return 1
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
