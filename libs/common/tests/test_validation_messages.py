"""What a model finds wrong is told in plain words, whatever the type is and wherever it stands."""

import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from vai_common.validation_messages import in_words, names_at, nearest, told


class Cat(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Literal["cat"]
    lives: int = Field(default=9, ge=1, le=9)


class Dog(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Literal["dog"]
    tricks: list[str] = Field(default=[], max_length=2)


class House(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)

    max_running: int | None = None
    name: str = Field(default="", min_length=0, max_length=3, pattern="^a*$")
    open: bool = False
    price: float = Field(default=1, gt=0, lt=100)
    id: Annotated[UUID, Field(strict=False)] | None = None
    since: datetime.datetime | None = None
    title: str = Field(default="x", pattern=r"\S")
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    others: list[Cat | Dog] = Field(default=[], min_length=0)
    rooms: dict[str, "House"] = {}
    colour: Literal["red", "blue"] = "red"

    @field_validator("name")
    @classmethod
    def _polite(cls, name: str) -> str:
        if name == "aaa":
            raise ValueError("say it once")
        if name == "aa":
            raise PydanticCustomError("twice", "Field required twice")
        return name


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"maxRuning": 1}, "there is no such field; did you mean maxRunning? There are colour, id, maxRunning"),
    ({"max_running": 1}, "there is no such field; did you mean maxRunning? There are colour"),
    ({"rooms": {"x": {"opne": True}}}, "there is no such field; did you mean open? There are colour"),
    ({"pet": {"kind": "cat", "live": 9}}, "there is no such field; did you mean lives? There are "),
    ({"others": [{"kind": "dog", "trick": []}]}, "there is no such field; did you mean tricks? There are"),
    ({"zzz": 1}, "there is no such field; there are colour"),
    ({"maxRunning": "3"}, "must be a whole number"),
    ({"maxRunning": 1.5}, "must be a whole number"),
    ({"price": "3"}, "must be a number"),
    ({"price": 0}, "must be more than 0"),
    ({"price": 100}, "must be less than 100"),
    ({"open": 1}, "must be true or false"),
    ({"name": 1}, "must be a string"),
    ({"name": "bbbbb"}, "must have at most 3 characters"),
    ({"name": "b"}, "must match '^a*$'"),
    ({"name": "aaa"}, "say it once"),
    ({"name": "aa"}, "is required twice"),
    ({"id": "1"}, "must be an id"),
    ({"id": 1}, "must be an id (a UUID)"),
    ({"id": [{}]}, "must be an id (a UUID)"),
    ({"title": " \n"}, "must not be blank"),
    ({"pet": {"kind": "cat", "tricks": []}}, "there is no such field; there are kind, lives"),
    ({"pet": {"kind": "dog", "lives": 1}}, "there is no such field; there are kind, tricks"),
    ({"others": [{"kind": "cat", "tricks": []}]}, "there is no such field; there are kind, lives"),
    ({"since": 1}, "must be a time, as 2026-11-22T00:00:00Z"),
    ({"pet": {}}, "kind is required"),
    ({"pet": {"kind": "cow"}}, "'cow' is none of 'cat', 'dog'"),
    ({"pet": []}, "must be an object"),
    ({"pet": {"kind": "cat", "lives": 10}}, "must be at most 9"),
    ({"pet": {"kind": "cat", "lives": 0}}, "must be at least 1"),
    ({"pet": {"kind": "dog", "tricks": ["a", "b", "c"]}}, "must have at most 2 items"),
    ({"pet": {"kind": "dog", "tricks": {}}}, "must be a list"),
    ({"others": [{}]}, "is required"),
    ({"colour": "green"}, "must be 'red' or 'blue'"),
]
PYDANTICS = ("Input", "Value error", "Extra inputs", "Field required", "valid dict", "should", "discriminator")


@pytest.mark.parametrize(("given", "plain"), WRONG, ids=[str(given) for given, _ in WRONG])
def test_a_fault_is_told_in_plain_words(given: dict[str, Any], plain: str) -> None:
    with pytest.raises(ValidationError) as caught:
        House.model_validate(given)
    messages = [told(one["msg"], one["loc"], House) for one in caught.value.errors()]
    assert any(message.startswith(plain) for message in messages), messages
    assert not [message for message in messages for word in PYDANTICS if word in message]


def test_a_message_of_our_own_stays_as_it_is() -> None:
    for message in ("the time is not there", "Write a time", "There are 9; there may be 3", "Two words"):
        assert in_words(message) == message


def test_a_long_list_of_names_is_cut() -> None:
    assert nearest("x", [f"name{n:02}" for n in range(50)]).endswith("name19, …")


def test_where_anything_may_stand_no_name_is_known() -> None:
    assert names_at(House, ["maxRunning"]) == frozenset()
    assert names_at(dict[str, Any], ["a", 1]) == frozenset()
    assert told("Extra inputs are not permitted", ["a"], None) == "there is no such field"


def test_a_field_of_another_type_is_told_as_that_where_the_type_is_not_known() -> None:
    told_of = told("Extra inputs are not permitted", ["pet", "whatever", "lives"], House)
    assert told_of.startswith("there is no such field for this type")
