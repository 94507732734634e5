"""Mirrors files: into the lake or, with `direction: "push"`, out of it (document 000, "ActionKind Reference")."""

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from vai_records.connections.sftp_paths import SCHEME as SFTP_SCHEME
from vai_records.connections.sftp_paths import folder_of
from vai_records.connections.stores import bucket_of, check_bucket
from vai_records.definitions.base import Definition
from vai_records.definitions.sources.globs import check_glob
from vai_records.definitions.sources.resources import without_user
from vai_records.definitions.web_addresses import check_address
from vai_records.strict import short

MOST_GLOBS = 50
MOST_FILES = 1_000_000

_FOLDER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9._-]{0,99}){0,9}")
DRIVE = "gdrive://"
"""Begins the path of a folder of Google Drive: gdrive://FOLDER_ID/folders/below, or gdrive://root."""

_DRIVE_FOLDER = re.compile(r"[A-Za-z0-9_-]{1,200}")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


def _folder(name: str) -> str:
    if not _FOLDER.fullmatch(name):
        raise ValueError(
            "a folder is letters, digits, _ . and -, parts by /, as in shop/exports; no part begins with a dot"
        )
    return name


def _place(path: str) -> str:
    if re.search(r"[\x00-\x1f\x7f\\]", path):
        raise ValueError("a path has no control characters and no backslashes")
    scheme = _SCHEME.match(path)
    if path.startswith("s3://"):
        check_bucket(bucket_of(path))
    elif path.startswith(DRIVE):
        if not _DRIVE_FOLDER.fullmatch(path.removeprefix(DRIVE).partition("/")[0]):
            raise ValueError("after gdrive:// comes the id of a folder, as its address in Drive has it, or root")
    elif path.startswith(SFTP_SCHEME):
        folder_of(without_user(path))
    elif path.startswith(("http://", "https://")):
        check_address(path)
        if urlsplit(path).query or "#" in path:
            raise ValueError("the address of an index has no query and no fragment")
    elif scheme:
        text = f"{scheme[1]}: is not known; a path is s3://bucket/prefix, gdrive://FOLDER_ID, sftp://host/folder, "
        raise ValueError(
            text
            + "https://host/folder/, or one below the connection's base_url or the folder that the installation allows"
        )
    if ".." in path.split("/"):
        raise ValueError("a path has no '..' in it; give the place itself")
    return path


def _glob(glob: str) -> str:
    """Raises ValueError for one that no path below a place fits: what it should leave out would be transferred."""
    parts = glob.split("/")
    if glob.startswith("/"):
        raise ValueError("a glob is for paths below the place, and begins without a slash: invoices/*.pdf")
    if glob.endswith("/"):
        raise ValueError("a glob is for files, not for folders: invoices/** are all files below invoices")
    if any(part in ("", ".", "..") for part in parts):
        raise ValueError("no part of a glob is empty, '.' or '..', since no path has such a part: invoices/*.pdf")
    if re.search(r"[\x00-\x1f\x7f\\]", glob):
        raise ValueError("a glob has no control characters and no backslashes, since no path has them")
    return glob


Folder = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_folder)]
Glob = Annotated[str, Field(min_length=1, max_length=1_024), AfterValidator(check_glob), AfterValidator(_glob)]
Globs = Annotated[list[Glob], Field(max_length=MOST_GLOBS), short(MOST_GLOBS)]
Path = Annotated[str, Field(min_length=1, max_length=1_024), AfterValidator(_place), AfterValidator(without_user)]


class FileSync(Definition):
    """One folder of the lake and one place outside: what is different is transferred, the rest is not touched."""

    kind: Literal["file_sync"] | None = None
    direction: Literal["pull", "push"] = Field(default="pull", description="pull: into the lake; push: out of it.")
    path: Path = Field(
        description="The place outside: s3://bucket/prefix, gdrive://FOLDER_ID, sftp://host/folder, "
        "https://host/folder/ (an index), or a path below the connection's base_url or, without one, below the folder "
        "that the installation allows."
    )
    folder: Folder = Field(description="The folder of the lake, such as shop/exports.")
    include: Globs = Field(
        default=["**"], min_length=1, description="Which files, by their path below the place: *.csv, 2026/**/*.pdf."
    )
    exclude: Globs = Field(default=[], description="Which of these not.")
    delete: bool = Field(
        default=False, description="Whether files that the source has no more are removed from the target."
    )
    delete_all: bool = Field(
        default=False, description="Whether `delete` may empty the target, where the source has no file at all."
    )
    compare: Literal["mark", "content"] = Field(
        default="mark",
        description="mark: a file has changed if its size, time or etag has; content: every file is read and compared.",
    )
    most_files: int = Field(default=100_000, ge=1, le=MOST_FILES, description="A place with more files is an error.")

    @model_validator(mode="after")
    def _fits_together(self) -> "FileSync":
        if self.direction == "push" and self.path.startswith(("http://", "https://")):
            raise ValueError("nothing can be pushed to an HTTP index: give s3://… or a folder")
        if self.delete_all and not self.delete:
            raise ValueError("delete_all needs delete: true")
        return self
