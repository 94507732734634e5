"""The calls about the tables of the lake. `dataset` is an id, or a name with its layer: `bronze.shop.orders`."""

from vai.call import API, PAGE, Call, Page, get_call, given, nothing, offset_list, segment
from vai.models.datasets import (
    Dataset,
    DatasetDetail,
    Direction,
    FileFormat,
    Layer,
    Lineage,
    Preview,
    Profile,
    Write,
)


def listing(
    q: str | None = None,
    *,
    layer: Layer | None = None,
    connection: str | None = None,
    limit: int = PAGE,
    offset: int = 0,
) -> Call[Page[Dataset]]:
    """The tables, those written last first; of one layer, or of bronze those that a connection fills."""
    return offset_list(
        "/datasets", "datasets", Dataset, given(q=q, layer=layer, connection=connection, limit=limit), offset
    )


def get(dataset: str) -> Call[DatasetDetail]:
    """One table: its columns, its size, who wrote it last and what reads it."""
    return get_call(_path(dataset), DatasetDetail.read)


def versions(dataset: str, *, limit: int = PAGE, offset: int = 0) -> Call[Page[Write]]:
    """What runs wrote into it, newest first."""
    return offset_list(f"{_path(dataset)}/versions", "versions", Write, given(limit=limit), offset)


def lineage(
    dataset: str,
    *,
    direction: Direction = "both",
    depth: int | None = None,
    columns: bool | None = None,
    column: str | None = None,
) -> Call[Lineage]:
    """Where its rows come from (`upstream`) and where they go (`downstream`), so many steps away.

    With `columns` also which columns come from which; with `column` only those on the ways of one column.
    """
    path = f"{_path(dataset)}/lineage"
    return get_call(path, Lineage.read, direction=direction, depth=depth, columns=columns, column=column)


def preview(dataset: str, *, rows: int | None = None, version: int | None = None) -> Call[Preview]:
    """Some of its rows, of an earlier version too."""
    return get_call(f"{_path(dataset)}/preview", Preview.read, rows=rows, version=version)


def profile(dataset: str, column: str, *, version: int | None = None) -> Call[Profile]:
    """What the values of one column are like."""
    return get_call(f"{_path(dataset)}/profile", Profile.read, column=column, version=version)


def download(dataset: str, *, format: FileFormat = "parquet", version: int | None = None) -> Call[None]:
    """All of it as a file."""
    query = given(format=format, version=version)
    return Call("GET", f"{API}{_path(dataset)}/download", nothing, query, headers={"Accept": "*/*"}, repeatable=True)


def _path(dataset: str) -> str:
    return f"/datasets/{segment(dataset)}"
