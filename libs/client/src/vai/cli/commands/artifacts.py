"""`vai artifacts`: the files that runs keep in the lake."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from vai.cli.context import Commands, LimitOption, connect, verb
from vai.cli.screen import show
from vai.cli.screen.listing import LIMIT, page_of, print_list
from vai.models.artifacts import Artifact

from .saving import save

app = typer.Typer(
    cls=Commands, help="Files that runs keep in the lake: list, show, download, share. Without a command: list."
)
ArtifactArgument = Annotated[str, typer.Argument(metavar="ARTIFACT", help="An artifact's id.")]


@verb(app, "list")
def list_artifacts(
    q: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="Only with this in the name.")] = None,
    folder: Annotated[str | None, typer.Option(help="Only of this folder of the lake.")] = None,
    run: Annotated[str | None, typer.Option(metavar="RUN", help="Only what this run brought.")] = None,
    limit: LimitOption = LIMIT,
) -> None:
    """List the files that are there now."""
    columns = [show.Column("Id", 0), show.Column("Folder", 1, gives=True), show.Column("Name", 0, gives=True)]
    columns += [show.Column("Size", 1), show.Column("Since", 2)]
    with connect() as client:
        every = client.artifacts.iterate(q, folder=folder, run_id=run, limit=page_of(limit))
        print_list(every, limit, columns, _row)


def _row(found: Artifact) -> tuple[str | Text, ...]:
    folder, name = show.clean(found.folder or ""), show.clean(found.name)
    return found.id, folder, name, show.size(found.size), show.moment(found.created_at)


def show_artifact(artifact: ArtifactArgument) -> None:
    """Show a file: its folder, its size, the run that brought it."""
    with connect() as client:
        found = client.artifacts.get(artifact)
    if show.data(found.raw):
        return
    show.print_facts(
        {
            "name": show.clean(found.name),
            "folder": found.folder and show.clean(found.folder),
            "id": found.id,
            "size": show.size(found.size),
            "sha256": found.sha256,
            "run": found.run_id,
            "since": show.moment(found.created_at),
            "removed": found.removed_at and show.moment(found.removed_at),
        }
    )


verb(app, "show")(show_artifact)
verb(app, "get", hidden=True)(show_artifact)


@verb(app)
def download(
    artifact: ArtifactArgument,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Where to; - is the standard output. Else its own name.")
    ] = None,
) -> None:
    """Download a file. It appears once it is complete."""
    with connect() as client:
        target = file or Path(Path(client.artifacts.get(artifact).name).name or "artifact")
        save(client.artifacts.download(artifact), target)


@verb(app)
def share(
    artifact: ArtifactArgument,
    minutes: Annotated[int, typer.Option(min=1, max=1440, help="How long the address is good.")] = 60,
) -> None:
    """Make an address from which whoever has it downloads this file, and nothing else."""
    with connect() as client:
        link, address = client.artifacts.share(artifact, minutes=minutes), client.api_url
    show.done(f"{address}{link.path}\ngood until {show.moment(link.expires_at)}", link.raw)
