"""What the source `filesystem` can be asked for."""

import codecs
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from records.definitions.resources import MOST_RESOURCES, ColumnName, Resource, distinct
from records.globs import few_wildcards

Format = Literal["csv", "jsonl", "json", "parquet"]

_CODINGS = (
    "utf",
    "cp",
    "iso8859",
    "latin",
    "ascii",
    "koi8",
    "mac",
    "big5",
    "gb",
    "shift",
    "euc",
    "hz",
    "johab",
    "iso2022",
)


def _encoding(name: str) -> str:
    """The codec's own name. Raises ValueError for one that is no encoding of text."""
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        found = ""
    if not found.replace("_", "").replace("-", "").startswith(_CODINGS):
        raise ValueError(f"{name!r} is no encoding; utf-8, utf-16, cp1252 and latin-1 are some")
    return found


def _single_byte(character: str) -> str:
    if not character.isascii() or character in "\r\n\0":
        raise ValueError("one ASCII character that ends no line")
    return character


Encoding = Annotated[str, Field(min_length=1, max_length=40), AfterValidator(_encoding)]
Mark = Annotated[str, Field(min_length=1, max_length=1), AfterValidator(_single_byte)]


class FileResource(Resource):
    """Files by a glob under the allowed folder, or `s3://bucket/prefix/*.csv`."""

    path: Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(few_wildcards)]
    format: Format | None = Field(default=None, description="Left out: told by the suffix.")
    incremental: bool = Field(
        default=False, description="Only files that are new or have changed, by name, size and time of change."
    )
    file_column: ColumnName | None = Field(default=None, description="A column that says from which file a row is.")
    on_bad_row: Literal["fail", "reject"] = Field(
        default="fail", description="reject: rows that cannot be read go to the table <table>_rejects."
    )
    encoding: Encoding | None = Field(
        default=None, description="Of csv and json files; left out: UTF-8, or by its BOM."
    )
    types: Literal["text"] | None = Field(
        default=None, description="text: no type is inferred, what columns does not declare is text. Of csv files."
    )
    delimiter: Mark | None = Field(default=None, description="Left out: told by the first records. Of csv files.")
    quote: Mark | Literal[""] = Field(default='"', description="Empty: no quotes. Of csv files.")
    escape: Mark | None = Field(
        default=None, description="What takes a quote its meaning, beside a second quote. Of csv files."
    )
    header: bool = Field(default=True, description="Whether the first record has the columns' names. Of csv files.")
    names: Annotated[list[ColumnName], Field(min_length=1, max_length=5_000)] | None = Field(
        default=None, description="The columns' names, in place of the header's if there is one. Of csv files."
    )
    skip_lines: int = Field(default=0, ge=0, le=100_000, description="Lines before the header. Of csv files.")
    null_words: Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=100)] = Field(
        default=[], description="Unquoted fields that are null, beside the empty one. Of csv files."
    )

    @property
    def is_incremental(self) -> bool:
        return self.incremental

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        marks = [mark for mark in (self.delimiter, self.quote, self.escape) if mark]
        if len(set(marks)) < len(marks):
            raise ValueError(
                "delimiter, quote and escape must be different characters; leave escape out for doubled quotes"
            )
        return self


FileResources = Annotated[list[FileResource], Field(min_length=1, max_length=MOST_RESOURCES), AfterValidator(distinct)]
