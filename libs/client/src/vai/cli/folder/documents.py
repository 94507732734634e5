"""Reads YAML and JSON files: each document in them is a connection, an action, an automation or an agent."""

import math
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from vai.cli.inputs import read_json
from vai.models.answers import Json

SUFFIXES = (".yaml", ".yml", ".json")
FROM_ENV = "from_env"
KEPT = {"secret": True}
"""What the API shows for a secret (docs/running.md, secrets in definitions); in a file: as it is."""

STDIN = Path("-")
_MOST_BYTES = 4 << 20
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")
_INTEGER = re.compile(r"\A(?:[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+)\Z")
_NUMBER = re.compile(
    r"\A(?:[-+]?(?:0|[1-9][0-9]*)\.[0-9]*(?:[eE][-+][0-9]+)?|\.[0-9]+(?:[eE][-+][0-9]+)?|"
    r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
)
"""Those of YAML 1.1's numbers that JSON has, and `.nan` and `.inf`, which are refused. It would read 12:30 as 750, and
00501 as 321.
"""
_ODD_LETTER = re.compile(r"[\ud800-\udfff]")
_NAMED = ("variable", "secret")
"""Types whose slug is a name that definitions write."""


@dataclass(frozen=True)
class Document:
    """One object as it is written down. `body` is all of it but its type and slug."""

    type: str
    slug: str
    body: Json = field(repr=False)
    place: str = ""

    @property
    def label(self) -> str:
        return f"{self.type} {self.slug}"

    def variables(self) -> set[str]:
        """The environment variables that its secrets come from."""
        return set(_variables(self.body))


class Unreadable(typer.BadParameter):
    """All that is wrong with the files, a line for each fault."""

    def __init__(self, faults: Iterable[str]) -> None:
        super().__init__("\n  ".join(["nothing was changed:", *faults]), param_hint="-f")


def read_folder(sources: Iterable[Path], types: Mapping[str, frozenset[str]]) -> list[Document]:
    """The documents of the files and folders, in the order of their names; hidden files and folders are passed over.
    The file `-` is the standard input.

    `types` are the types of object with the fields of each. Raises Unreadable with every fault, not with the first one
    alone: a file that cannot be read, an unknown type or field, a slug that is missing, wrong or there twice.
    """
    found: list[Document] = []
    faults: list[str] = []
    for source in sources:
        is_folder = source.is_dir()
        paths = sorted(_files(source)) if is_folder else [source]
        if not paths:
            faults.append(f"{source}: there is no file whose name ends with {', '.join(SUFFIXES)}")
        for path in paths:
            try:
                if is_folder and not path.is_file():
                    raise ValueError("it is no file, or a link to nothing: mend it, or move it away")
                for number, value in enumerate(_values(path), 1):
                    _add(found, faults, value, f"{path}" if number == 1 else f"{path}, document {number}", types)
            except (OSError, ValueError) as error:
                faults.append(f"{path}: {_words(error)}")
    faults += _twice(found)
    if faults:
        raise Unreadable(faults)
    return found


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if name.endswith(SUFFIXES) and not name.startswith("."):
                yield Path(place, name)


def _values(path: Path) -> Iterator[Any]:
    """The documents of one file; empty ones are none. Raises OSError, ValueError."""
    import yaml  # type: ignore[import-untyped]  # only who asks for it waits for it

    text = _text_of(path)
    try:
        if path.suffix == ".json":
            yield read_json(text)
            return
        for value in yaml.load_all(text, Loader=_loader()):
            if value is not None:
                yield value
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _text_of(path: Path) -> str:
    """At most so much is read, also of what tells no size, as a pipe."""
    if path == STDIN:
        data = sys.stdin.buffer.read(_MOST_BYTES + 1)
    else:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ValueError(f"it has more than {_MOST_BYTES >> 20} MiB")
    return data.decode("utf-8-sig")


def _loader() -> Any:
    """YAML as JSON knows it: dates, times, `0777` and `1_000` are text. A key that is there twice is refused, and so
    are aliases, and tags of what JSON has not.
    """
    import yaml

    plain = {f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str", "int", "float", "bool", "null")}

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                event = self.peek_event()
                raise yaml.constructor.ConstructorError(
                    None, None, f"write *{event.anchor} out: aliases are not read", event.start_mark
                )
            return super().compose_node(parent, index)

        def construct_object(self, node: Any, deep: bool = False) -> Any:
            if node.tag not in plain:
                raise yaml.constructor.ConstructorError(
                    None,
                    None,
                    f"could not determine a constructor for {node.tag}: JSON has no such value",
                    node.start_mark,
                )
            value = super().construct_object(node, deep)
            if isinstance(value, str) and (odd := _ODD_LETTER.search(value)):
                raise yaml.constructor.ConstructorError(
                    None, None, f"{odd[0]!r} cannot be sent: it is half of a letter", node.start_mark
                )
            return value

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            keys: set[str] = set()
            for key, _ in node.value:
                if key.tag != "tag:yaml.org,2002:str":
                    raise yaml.constructor.ConstructorError(
                        None, None, f'write "{key.value}" in quotes: a name is a text', key.start_mark
                    )
                if key.value in keys:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value} is there twice", key.start_mark)
                keys.add(key.value)
            return super().construct_mapping(node, deep)

    rules = yaml.SafeLoader.yaml_implicit_resolvers.items()
    ours = (":timestamp", ":int", ":float")
    Loader.yaml_implicit_resolvers = {
        first: [(tag, rule) for tag, rule in known if not tag.endswith(ours)] for first, known in rules
    }
    Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INTEGER, list("-+0123456789"))
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, list("-+.0123456789"))
    return Loader


def _words(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return str(error)


def _add(found: list[Document], faults: list[str], value: Any, place: str, types: Mapping[str, frozenset[str]]) -> None:
    """The document, or what is wrong with it."""
    if not isinstance(value, dict):
        faults.append(f"{place}: an object with `type` and `slug` is needed")
        return
    body = dict(value)
    sort, slug = body.pop("type", None), body.pop("slug", None)
    wrong = []
    if not isinstance(sort, str) or sort not in types:
        wrong.append(f"type is {sort!r}; it must be one of {', '.join(types)}")
    elif unknown := sorted(map(str, body.keys() - types[sort])):
        wrong.append(f"{', '.join(unknown)}: no field of {sort}s in files, which are {', '.join(sorted(types[sort]))}")
    if sort in _NAMED:
        wrong += _wrong_of_named(str(sort), slug, body)
    elif not isinstance(slug, str) or not _SLUG.fullmatch(slug):
        wrong.append(f"slug is {slug!r}; it must be small letters, digits and single hyphens")
    if sort == "connection":
        plain = _plain(body.get("credentials"), "credentials")
        wrong += [
            f"{where}: a secret does not belong in a file; put {{{FROM_ENV}: NAME}} in its place" for where in plain
        ]
    wrong += [f"{where}: {value} is no number that JSON has" for where, value in _no_numbers(body, "")]
    wrong += [f"{where}: {FROM_ENV} needs the name of an environment variable" for where in _misnamed(body, "")]
    faults += [f"{place}: {each}" for each in wrong]
    if not wrong:
        found.append(Document(str(sort), str(slug), body, place))


def _wrong_of_named(sort: str, slug: Any, body: Json) -> Iterator[str]:
    if not isinstance(slug, str) or not _NAME.fullmatch(slug):
        yield f"slug is {slug!r}; of a {sort} it is its name: letters, digits, _ and -, and a letter or _ first"
    if "value" not in body:
        yield "value: it is missing"
    elif sort == "secret" and body["value"] != KEPT and not is_from_env(body["value"]):
        yield f"value: a secret does not belong in a file; put {{{FROM_ENV}: NAME}} in its place"


def _twice(documents: list[Document]) -> Iterator[str]:
    places: dict[tuple[str, str], str] = {}
    for each in documents:
        first = places.setdefault((each.type, each.slug), each.place)
        if first != each.place:
            yield f"{each.place}: the {each.label} is in {first} already"


def is_from_env(value: Any) -> bool:
    """Whether it is `{from_env: NAME}`."""
    return isinstance(value, dict) and value.keys() == {FROM_ENV}


def _misnamed(value: Any, where: str) -> Iterator[str]:
    if is_from_env(value):
        if not isinstance(value[FROM_ENV], str) or not value[FROM_ENV]:
            yield where
        return
    for key, inner in _inside(value):
        yield from _misnamed(inner, f"{where}.{key}".removeprefix("."))


def _variables(value: Any) -> Iterator[str]:
    if is_from_env(value):
        yield value[FROM_ENV]
        return
    for _, inner in _inside(value):
        yield from _variables(inner)


def _plain(value: Any, where: str) -> Iterator[str]:
    """Where a text stands that does not come from the environment."""
    if isinstance(value, str):
        yield where
    elif not is_from_env(value):
        for key, inner in _inside(value):
            yield from _plain(inner, f"{where}.{key}")


def _no_numbers(value: Any, where: str) -> Iterator[tuple[str, float]]:
    """YAML's `.nan` and `.inf`."""
    if isinstance(value, float) and not math.isfinite(value):
        yield where, value
    for key, inner in _inside(value):
        yield from _no_numbers(inner, f"{where}.{key}".removeprefix("."))


def _inside(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def filled(value: Any, environment: Mapping[str, str]) -> Any:
    """The value with what the environment has. Raises KeyError with the name of a variable that is not set."""
    if is_from_env(value):
        return environment[value[FROM_ENV]]
    if isinstance(value, dict):
        return {key: filled(inner, environment) for key, inner in value.items()}
    return [filled(inner, environment) for inner in value] if isinstance(value, list) else value
