"""Between the words of the REST API and the enums of the protobuf contracts (decision 2)."""

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, TypeVar

from vai_contracts.vai.words.v1 import words_pb2

if TYPE_CHECKING:
    from google.protobuf.internal.enum_type_wrapper import _EnumTypeWrapper

Value = TypeVar("Value", bound=int)


def from_word(enum: "_EnumTypeWrapper[Value]", word: str) -> Value:
    """`from_word(RunStatus, "completed")` is RUN_STATUS_COMPLETED, in either case. Raises ValueError if unknown."""
    value: Value = _value_of(enum, word)
    return value


def to_word(enum: "_EnumTypeWrapper[Value]", value: Value) -> str:
    """The REST API's word: lower case, for an error code upper case. Raises ValueError if unknown."""
    word = enum.Name(value).removeprefix(_prefix(enum))
    return word if enum.DESCRIPTOR is words_pb2.ErrorCode.DESCRIPTOR else word.lower()


@lru_cache(1024)
def _value_of(enum: "_EnumTypeWrapper[Value]", word: str) -> Value:
    return enum.Value(_prefix(enum) + word.upper())


@cache
def _prefix_of(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper() + "_"


def _prefix(enum: "_EnumTypeWrapper[Value]") -> str:
    return _prefix_of(enum.DESCRIPTOR.name)
