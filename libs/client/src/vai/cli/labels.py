"""Labels on the command line."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

LabelFilter = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="KEY[=VALUE]", help="Only with this label. Repeatable: with all of them."),
]
LabelsOption = Annotated[
    list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="A label that it gets. Repeatable.")
]


def labels_of(given: Sequence[str] | None) -> dict[str, str] | None:
    """The labels that are given as KEY=VALUE; None: none are given. Raises `typer.BadParameter`."""
    if not given:
        return None
    labels = {}
    for one in given:
        key, is_pair, value = one.partition("=")
        if not is_pair or not key:
            raise typer.BadParameter(
                f"{one!r} is no label; write KEY=VALUE, for example team=finance", param_hint="--label"
            )
        labels[key] = value
    return labels


def label_words(labels: Mapping[str, str]) -> str | None:
    """All labels in a line; None: there are none."""
    return " ".join(f"{key}={value}" for key, value in labels.items()) or None
