"""A query over the lake, given or written by a model (document 000, "ActionKind Reference"; docs/research.md)."""

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from vai_records.definitions.base import Definition
from vai_records.definitions.dataset_names import DatasetNames
from vai_records.models.settings import ModelName
from vai_records.strict import Number, Text

LONGEST_SECONDS: Final = 30.0
MOST_ROWS: Final = 1_000


class GenerateQuery(Definition):
    """One read-only query. Give `sql`, or a `question` that a model turns into one."""

    kind: Literal["generate_query"] | None = None
    sql: Text | None = Field(
        default=None, description="One query (SELECT …) of DuckDB over silver.orders, gold.sales, bronze.shop.orders."
    )
    question: Annotated[str, Field(min_length=1, max_length=4_000, pattern=r"\S")] | None = Field(
        default=None, description="What is to be known, in words. It needs a model."
    )
    datasets: DatasetNames = Field(default=[], description="Which tables it may read; all, if none is named.")
    model: ModelName | None = Field(default=None, description="For a question; the organisation's default if absent.")
    max_rows: int = Field(default=MOST_ROWS, ge=1, le=MOST_ROWS, description="Of the result; the total is told, too.")
    timeout_seconds: Number | None = Field(default=None, gt=0, le=LONGEST_SECONDS, description="30 if not given.")

    @model_validator(mode="after")
    def _is_either(self) -> "GenerateQuery":
        if self.sql is None and self.question is None:
            # An action without both may be saved: overrides of its runs say what is asked.
            raise PydanticCustomError("missing", "give sql, or a question that a model turns into sql")
        if self.sql is not None and self.question is not None:
            raise ValueError("give sql or a question, not both")
        if self.sql is not None and not self.sql.strip():
            raise ValueError("sql is empty: give a query")
        if self.model is not None and self.question is None:
            raise ValueError("a model is for a question: sql needs none")
        return self
