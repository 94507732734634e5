"""What the examples of vendors share: a connection that is saved, an extraction that is followed, a preview."""

from collections.abc import Sequence
from typing import Any

from vai import AsyncClient, Connection, Run
from vai.cli.screen.show import Column, clean, log_line, output, print_table

ADVICE = "A stack is needed: make up DETACH=1"
OUT = output()


async def save(
    client: AsyncClient, provider: str, name: str, config: dict[str, Any], credentials: dict[str, str]
) -> Connection:
    """A new connection `<provider>-example`, or the one that is there. What is left out the source knows by itself."""
    slug = f"{provider.partition('_')[0]}-example"
    async for found in client.connections.iterate(slug):
        if found.slug == slug:
            return await client.connections.update(found.id, config=config, credentials=credentials)
    return await client.connections.create(provider, name, slug=slug, config=config, credentials=credentials)


async def extract(client: AsyncClient, connection: Connection, definition: dict[str, Any]) -> Run:
    """The run after its end; its log is shown meanwhile."""
    run = await client.runs.create("dlt_extract", {**definition, "connection": connection.slug})
    async for entry in client.logs.stream(run.id):
        OUT.print(log_line(entry))
    return await client.runs.wait(run.id)


async def preview(client: AsyncClient, dataset: str, shown: Sequence[str] = ()) -> None:
    """The first rows as the platform shows them; of all columns, where none are named."""
    found = await client.datasets.preview(dataset, rows=8)
    names = shown or [column["name"] for column in found.columns if not column["name"].startswith("_")]
    OUT.print(f"\n{dataset}:")
    rows = [["" if row.get(name) is None else clean(str(row[name]))[:40] for name in names] for row in found.rows]
    print_table(OUT, [Column(name, place) for place, name in enumerate(names)], rows)
