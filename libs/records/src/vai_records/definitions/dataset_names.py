"""How definitions name tables of the lake: `bronze.shopify.orders`, `silver.stg_orders`, `gold.fct_sales`."""

from typing import Annotated

from pydantic import Field

from vai_records.strict import short

MOST_DATASETS = 50

DatasetName = Annotated[str, Field(max_length=300, pattern=r"^(bronze|silver|gold)\.[^\s\"';]+$")]
"""A layer, a dot, and the table's name in it."""

DatasetNames = Annotated[list[DatasetName], Field(max_length=MOST_DATASETS), short(MOST_DATASETS)]
