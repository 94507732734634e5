"""Runs the property tests again and again with new inputs: `make fuzz MINUTES=30`.

Each round has a seed of its own, which is printed; `make fuzz SEED=…` repeats it. Ends with 1 where something failed.
"""

import argparse
import os
import secrets
import subprocess
import sys
import time

_NO_TESTS = 5


def _round(seed: int, paths: list[str]) -> int:
    """pytest's exit code."""
    beside = ("-n", "2", "--dist", "loadscope", "--no-loadscope-reorder")
    patient = ("-o", "timeout=600")  # a property has many more examples here than in `make test`
    command = (
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-m",
        "property",
        *beside,
        *patient,
        f"--hypothesis-seed={seed}",
        *paths,
    )
    environment = {**os.environ, "VAI_FUZZ": str(seed), "PYTHONHASHSEED": "0"}
    return subprocess.run(command, env=environment, check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="no round begins later than this")
    parser.add_argument("--seed", type=int, help="one round with this seed")
    parser.add_argument("paths", nargs="*", help="only the tests there")
    asked = parser.parse_args()
    until = time.monotonic() + 60 * asked.minutes
    failed: list[int] = []
    rounds = 0
    while not rounds or (asked.seed is None and time.monotonic() < until):
        seed = secrets.randbits(32) if asked.seed is None else asked.seed
        rounds += 1
        sys.stdout.write(f"\n=== round {rounds}, SEED={seed}\n")
        sys.stdout.flush()
        code = _round(seed, asked.paths)
        if code == _NO_TESTS:
            sys.stderr.write("there is no property test among these\n")
            return 2
        if code:
            failed.append(seed)
    sys.stdout.write(f"\n{rounds} rounds, {len(failed)} with failures\n")
    for seed in failed:
        sys.stdout.write(f"again: make fuzz SEED={seed}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
