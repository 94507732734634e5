"""Which place a definition means."""

from pathlib import Path
from urllib.parse import urlsplit

from vai_common.egress.addresses import Policy
from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.rest.token_renewal import Lasting
from vai_extract_worker.sync.google_drive import GoogleDrive
from vai_extract_worker.sync.http_index import HttpIndex
from vai_extract_worker.sync.local_folder import LocalFolder
from vai_extract_worker.sync.places import Place
from vai_extract_worker.sync.s3_bucket import S3Bucket
from vai_extract_worker.sync.sftp_folder import SftpFolder
from vai_records.connections.credentials import base_url
from vai_records.connections.sftp_paths import SCHEME as SFTP
from vai_records.definitions.file_sync import DRIVE, FileSync
from vai_worker.children.job import ConnectionSecret


def opened(
    definition: FileSync,
    connection: ConnectionSecret | None,
    policy: Policy,
    files_root: str | None,
    may_write: bool,
    credentials: Lasting,
) -> Place:
    """The place outside. Raises `Permanent` where it may not be used, with what to do."""
    path, pushes = definition.path, definition.direction == "push"
    if path.startswith("s3://"):
        return S3Bucket(path, connection, policy)
    if path.startswith(DRIVE):
        return GoogleDrive(path, connection, credentials, policy, pushes)
    if path.startswith(SFTP):
        return SftpFolder(path, connection, policy, pushes)
    if urlsplit(path).scheme in ("http", "https"):
        return HttpIndex(path, connection, policy)
    if connection is not None and (base := base_url(connection.config)) is not None:
        if pushes:
            text = "Nothing can be pushed to an HTTP index: give s3://… or a folder."
            raise Permanent(ErrorCode.DATA_ERROR, text, {"path": path})
        return HttpIndex(f"{base.rstrip('/')}/{path.lstrip('/')}", connection, policy)
    if not files_root:
        text = "This worker uses no local files: its operator sets VAI_FILES_ROOT to a folder; or take an s3:// path."
        raise Permanent(ErrorCode.CONNECTION_ERROR, text, {"path": path})
    if pushes and not may_write:
        text = "This worker writes no local files: its operator sets VAI_FILES_PUSH to true; or take an s3:// path."
        raise Permanent(ErrorCode.CONNECTION_ERROR, text, {"path": path})
    return LocalFolder(Path(files_root), path, pushes)
