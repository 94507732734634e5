"""The calls about artifacts, the files that runs keep in the lake."""

from vai.call import API, PAGE, Call, Page, get_call, given, nothing, offset_list, segment
from vai.models.artifacts import Artifact, ArtifactLink


def listing(
    q: str | None = None,
    *,
    folder: str | None = None,
    run_id: str | None = None,
    limit: int = PAGE,
    offset: int = 0,
) -> Call[Page[Artifact]]:
    """Those that are there now, by folder and name; `q` is a part of the name."""
    return offset_list(
        "/artifacts", "artifacts", Artifact, given(q=q, folder=folder, run_id=run_id, limit=limit), offset
    )


def get(artifact_id: str) -> Call[Artifact]:
    """One, also for a day after it was replaced or removed."""
    return get_call(_path(artifact_id), Artifact.read)


def share(artifact_id: str, *, minutes: int | None = None) -> Call[ArtifactLink]:
    """An address that gives this file to whoever has it, for an hour if nothing else is said."""
    return Call("POST", f"{API}{_path(artifact_id)}/links", ArtifactLink.read, body=given(minutes=minutes))


def download(artifact_id: str) -> Call[None]:
    """Its bytes."""
    path = f"{API}{_path(artifact_id)}/download"
    return Call("GET", path, nothing, headers={"Accept": "*/*"}, repeatable=True)


def _path(artifact_id: str) -> str:
    return f"/artifacts/{segment(artifact_id)}"
