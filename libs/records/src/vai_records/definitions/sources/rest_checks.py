"""What the resources of a rest_api source are to each other: parents, shared tables, values that are known in time."""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial

from vai_records.definitions.sources.placeholders import Placeholder
from vai_records.definitions.sources.resources import RestResource
from vai_records.definitions.sources.rest_requests import open_parts


class Wrong(ValueError):
    """`number` is the place of the resource that is wrong, None where it is several together."""

    def __init__(self, message: str, number: int | None = None) -> None:
        super().__init__(message)
        self.number = number


def parent_of(resource: RestResource) -> str | None:
    """The resource whose rows this one is asked for, None where there is none."""
    return next((found.name for _, found in open_parts(resource.path, resource) if found.of == "resources"), None)


def check_resources(resources: Sequence[RestResource], has_start: bool) -> None:
    """Raises `Wrong` for what cannot be. `has_start`: the definition has a start_date."""
    named = {resource.name: resource for resource in resources}
    for check in (partial(_check_parts, has_start=has_start), _check_generations):
        for number, resource in enumerate(resources):
            try:
                check(resource, named)
            except ValueError as error:
                raise Wrong(str(error), number) from None
    _check_tables(resources, named)
    if not any(resource.selected for resource in resources):
        raise Wrong("no resource is selected: nothing would be extracted")


def is_incremental(resource: RestResource, named: dict[str, RestResource]) -> bool:
    """Whether it, or one that it is asked for, brings only what is new."""
    while not resource.is_incremental:
        parent = parent_of(resource)
        if parent is None:
            return False
        resource = named[parent]
    return True


def _check_parts(resource: RestResource, named: dict[str, RestResource], has_start: bool) -> None:
    parts = list(open_parts(resource.path, resource))
    for field, found in parts:
        _check_value(resource, field, found, has_start)
    _check_parent(resource, {found.name for _, found in parts if found.of == "resources"}, named)
    _check_slices(resource, {found.name for _, found in parts if found.of == "slice"})


def _check_value(resource: RestResource, field: str, found: Placeholder, has_start: bool) -> None:
    if found.of == "incremental":
        if resource.incremental is None:
            raise ValueError(f"{resource.name}: {found} needs incremental")
        known = resource.incremental.initial_value is not None or (has_start and found.name != "initial_value")
        if field != "params" and not known and found.name != "end_value":
            raise ValueError(f"{resource.name}: {found} in {field} needs an initial_value, for the first run")
        if found.name == "end_value" and resource.incremental.end_value is None:
            raise ValueError(f"{resource.name}: {found} needs incremental.end_value")
    if found.of == "slice" and resource.slices is None:
        raise ValueError(f"{resource.name}: {found} needs slices")


def _check_parent(resource: RestResource, parents: set[str], named: dict[str, RestResource]) -> None:
    if unknown := sorted(parents - named.keys()):
        raise ValueError(f"{resource.name}: there is no resource {unknown[0]}; there are {', '.join(named)}")
    if len(parents) > 1:
        raise ValueError(f"{resource.name}: it has the parents {', '.join(sorted(parents))}; it may have one")
    if resource.include_from_parent and not parents:
        raise ValueError(
            f"{resource.name}: include_from_parent needs a parent, named as {{resources.<parent>.<field>}}"
        )


def _check_slices(resource: RestResource, placed: set[str]) -> None:
    if resource.slices is None:
        return
    for word, param in (("start", resource.slices.param_start), ("end", resource.slices.param_end)):
        if param is None and word not in placed:
            raise ValueError(f"{resource.name}: give slices.param_{word}, or put {{slice.{word}}} where it goes")


def _check_generations(resource: RestResource, named: dict[str, RestResource]) -> None:
    line, one = [resource.name], resource
    while (parent := parent_of(one)) is not None:
        if parent in line:
            raise ValueError(f"{resource.name}: it is its own parent: {' → '.join([*line, parent])}")
        line.append(parent)
        one = named[parent]
        if resource.slices is not None and one.slices is not None:
            raise ValueError(f"{resource.name} and its parent {one.name} both have slices; give one of them slices")
        if resource.slices is not None and one.is_incremental:
            raise ValueError(f"{resource.name} has slices and an incremental parent: give the slices to {one.name}")
    if resource.write_disposition == "replace" and is_incremental(resource, named):
        raise ValueError(f"{resource.name} cannot replace its table: its parent is incremental. Take append, or merge")


def _check_tables(resources: Sequence[RestResource], named: dict[str, RestResource]) -> None:
    """Two resources may fill one table where both say so, and where both add or both replace."""
    sharing: dict[str, list[RestResource]] = defaultdict(list)
    for resource in resources:
        if resource.selected:
            sharing[resource.table_name].append(resource)
    for table, those in sharing.items():
        if len(those) == 1:
            continue
        names = " and ".join(resource.name for resource in those[:2])
        if any(resource.table is None for resource in those):
            raise Wrong(f"two resources have the table {table}: {names}. If they are to share it, both name it")
        kinds = {resource.write_disposition or is_incremental(resource, named) for resource in those}
        adds = {kind is True or kind in ("append", "merge") for kind in kinds}
        if len(adds) > 1:
            text = f"{names} share the table {table}, and only one replaces it: let both add, or both replace"
            raise Wrong(text)
