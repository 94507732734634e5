"""Writes objects into a folder: one YAML file for each, in a folder for each type."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .defaults import Defaults
from .sorts import Sort, There


def text_of(sort: Sort, there: There, defaults: Defaults) -> str:
    """The YAML document of one object, its fields in the order of the docs, without what the platform fills in."""
    import yaml  # type: ignore[import-untyped]  # only who asks for it waits for it

    class Dumper(yaml.SafeDumper):  # type: ignore[misc]
        """Texts of several lines as blocks, so that SQL and instructions can be read; no aliases."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def as_block(dumper: Any, text: str) -> Any:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    Dumper.add_representer(str, as_block)
    body = there.body if sort.named else defaults.without(there.body)
    fields = {name: body[name] for name in sort.fields if name in body}
    document = {"type": sort.name, "slug": there.slug} | fields
    return str(yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False))


def write(folder: Path, sort: Sort, objects: Iterable[There], defaults: Defaults) -> Iterable[tuple[Path, bool]]:
    """Each file, and whether it is new or has another text than before. Files of objects that are gone stay."""
    for there in objects:
        path = folder / f"{sort.name}s" / f"{there.slug}.yaml"
        text = text_of(sort, there, defaults)
        path.parent.mkdir(parents=True, exist_ok=True)
        changed = not path.exists() or path.read_text(encoding="utf-8") != text
        if changed:
            path.write_text(text, encoding="utf-8")
        yield path, changed
