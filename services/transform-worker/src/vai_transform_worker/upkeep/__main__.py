"""A process that works on one table: `python -m vai_transform_worker.upkeep PARENT` takes an order from its input.

The order and the answer are a line of JSON. It works below the priority of runs, and ends with its parent.
"""

import json
import os
import resource
import sys
from typing import Any

from vai_transform_worker.upkeep import bronze, tables
from vai_worker.children.forkserver import die_with_parent
from vai_worker.lake.places import Lake
from vai_worker.lake.storage import open_lake

_NICE = 10
_ADDRESSES = 6 << 30  # bytes of address space, of which most is never touched


def answer(order: dict[str, Any]) -> Any:
    """What is asked for: `together`, `compact` or `remove_old`."""
    lake = Lake(order["lake_url"])
    if order["what"] == "together":
        return bronze.put_together(open_lake(lake.url), order["groups"])
    if order["what"] == "compact":
        return tables.compact(lake, order["location"])
    return tables.remove_old(lake, order["location"], order["keep_hours"])


def main() -> None:
    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESSES, _ADDRESSES))
    die_with_parent(int(sys.argv[1]))
    found = answer(json.loads(sys.stdin.buffer.readline()))
    sys.stdout.write(json.dumps(found))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
