"""What the source `filesystem` can be asked for."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from vai_records.definitions.sources.csv_words import CsvWords
from vai_records.definitions.sources.globs import few_wildcards
from vai_records.definitions.sources.resources import (
    MOST_RESOURCES,
    ColumnName,
    OnMissingColumn,
    Resource,
    distinct,
    without_user,
)

Format = Literal["csv", "jsonl", "json", "parquet"]


class FileResource(Resource, CsvWords):
    """Files by a glob under the allowed folder, or `s3://bucket/prefix/*.csv`."""

    path: Annotated[
        str, Field(min_length=1, max_length=2000), AfterValidator(few_wildcards), AfterValidator(without_user)
    ]
    format: Format | None = Field(default=None, description="Left out: told by the suffix.")
    incremental: bool = Field(
        default=False, description="Only files that are new or have changed, by name, size and time of change."
    )
    file_column: ColumnName | None = Field(default=None, description="A column that says from which file a row is.")
    folder_columns: bool = Field(
        default=False, description="Folders named year=2026 are columns, all of text; those that the rows have stay."
    )
    on_bad_row: Literal["fail", "reject"] = Field(
        default="fail", description="reject: rows that cannot be read go to the table <table>_rejects."
    )
    on_missing_column: OnMissingColumn = "warn"
    types: Literal["text"] | None = Field(
        default=None, description="text: no type is inferred, what columns does not declare is text. Of csv files."
    )

    @property
    def is_incremental(self) -> bool:
        return self.incremental


FileResources = Annotated[list[FileResource], Field(min_length=1, max_length=MOST_RESOURCES), AfterValidator(distinct)]
