"""Fetches the client of SFTP into .cache/sftp/client, for the tests and for a stack of one's own.

usage: python -m tools.sftp        (make test-sftp does it)

Prints why it could not, and exits with 3, where the package index does not answer.
"""

import sys

from tests.architecture.workspace import ROOT
from tools.extra_packages import Missing, fetch

LOCK = ROOT / "deploy/docker/sftp.lock"
CLIENT = ROOT / ".cache/sftp/client"


def main() -> int:
    try:
        fetch(LOCK, CLIENT)
    except Missing as missing:
        sys.stdout.write(f"test-sftp: not run, {missing}\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
