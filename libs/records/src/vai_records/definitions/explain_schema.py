"""What tables of the lake hold, without a model (document 000, "ActionKind Reference"; docs/research.md)."""

from typing import Final, Literal

from pydantic import Field

from vai_records.definitions.base import Definition
from vai_records.definitions.dataset_names import DatasetNames
from vai_records.strict import Number

LONGEST_SECONDS: Final = 30.0


class ExplainSchema(Definition):
    """Columns, types, shares, samples, likely keys and joins of tables."""

    kind: Literal["explain_schema"] | None = None
    datasets: DatasetNames = Field(default=[], description="Which tables; if none is named, those written last.")
    samples: int = Field(default=5, ge=0, le=20, description="Values of each column that are shown.")
    sample_rows: int = Field(
        default=100_000, ge=1_000, le=1_000_000, description="How many rows of a larger table are looked at."
    )
    timeout_seconds: Number | None = Field(default=None, gt=0, le=LONGEST_SECONDS, description="30 if not given.")
