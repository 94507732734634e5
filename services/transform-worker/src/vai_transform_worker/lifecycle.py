"""The transform-worker's slice of the lifecycle: what every worker may do (libs/worker)."""

from vai_records.lifecycle.transitions import Owner, edges_of, moves_of

EDGES = edges_of(Owner.WORKER)
MOVES = moves_of(Owner.WORKER)
