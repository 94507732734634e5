"""How csv is written, in the same words for files and for the answers of a REST source."""

import codecs
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from vai_records.strict import Strict

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


class CsvWords(Strict):
    """What is left out is told by the text itself, or usual."""

    model_config = ConfigDict(frozen=True)

    encoding: Encoding | None = Field(
        default=None, description="Of csv and json files; left out: UTF-8, or by its BOM."
    )
    delimiter: Mark | None = Field(default=None, description="Left out: told by the first records. Of csv files.")
    quote: Mark | Literal[""] = Field(default='"', description="Empty: no quotes. Of csv files.")
    escape: Mark | None = Field(
        default=None, description="What takes a quote its meaning, beside a second quote. Of csv files."
    )
    header: bool = Field(default=True, description="Whether the first record has the columns' names. Of csv files.")
    names: Annotated[list[Annotated[str, Field(max_length=255)]], Field(min_length=1, max_length=5_000)] | None = Field(
        default=None, description="The columns' names, in place of the header's if there is one. Of csv files."
    )
    skip_lines: int = Field(default=0, ge=0, le=100_000, description="Lines before the header. Of csv files.")
    null_words: Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=100)] = Field(
        default=[], description="Unquoted fields that are null, beside the empty one. Of csv files."
    )
    decimal_separator: Literal[".", ","] = Field(
        default=".", description="What columns that are declared numbers have before their fraction. Of csv."
    )
    thousands_separator: Literal[".", ",", "'", " "] | None = Field(
        default=None, description="What they have between groups of three digits. Of csv."
    )

    @property
    def csv_words(self) -> dict[str, Any]:
        """What it says of csv."""
        return {name: getattr(self, name) for name in CsvWords.model_fields if name in self.model_fields_set}

    @property
    def says_numbers(self) -> bool:
        """Whether it says how numbers are written in another way than usual."""
        return self.decimal_separator != "." or self.thousands_separator is not None

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        marks = [mark for mark in (self.delimiter, self.quote, self.escape) if mark]
        if len(set(marks)) < len(marks):
            raise ValueError(
                "delimiter, quote and escape must be different characters; leave escape out for doubled quotes"
            )
        if self.thousands_separator == self.decimal_separator:
            raise ValueError(f"decimal_separator is {self.decimal_separator!r}: give another thousands_separator")
        return self
