"""`python -m bench capacity` measures and writes the constants. `… simulate` computes from them what loads need."""

import sys

from bench.capacity import loads, measure, tables
from bench.capacity.costs import CONSTANTS, Constants
from bench.measure import state_of_machine


async def main(arguments: list[str]) -> None:
    """Ends with the usage if the arguments are not known."""
    if arguments == ["simulate"]:
        print(tables.simulation(Constants.read(), loads.BASE))
    elif not arguments:
        print(state_of_machine(), flush=True)
        known = await measure.measured(lambda part: print(f"measuring: {part}", flush=True))
        known.write()
        print(f"{tables.measured(known)}\n\nWritten to {CONSTANTS}. Now: make generate, which draws docs/capacity.md")
    else:
        sys.exit("python -m bench capacity [simulate]")
