"""Checks the test server for Google Drive (`vai_testkit.vendors.google_drive`) with Google's own client library.

Its Python is that of `tools.vendors`, which has `google-api-python-client`: `make check-vendors`.
"""

import io
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tools.vendors.__main__ import PYTHON, environment
from vai_testkit.vendors.google_drive import DOCUMENT, FOLDER, Drive, google_drive

ROOT = Path(__file__).resolve().parents[1]


def library(drive: Drive) -> list[str]:
    """Gets a token, lists in pages, downloads, exports, uploads in pieces, changes, moves to the bin; errors, too."""
    from google.oauth2.service_account import Credentials
    from googleapiclient import discovery
    from googleapiclient.errors import HttpError
    from googleapiclient.http import MediaIoBaseUpload

    key = drive.credentials | {"type": "service_account", "token_uri": f"{drive.url}/token"}
    account = Credentials.from_service_account_info(key, scopes=["https://www.googleapis.com/auth/drive"])
    described = json.loads((Path(discovery.__file__).parent / "discovery_cache/documents/drive.v3.json").read_text())
    described |= {"rootUrl": f"{drive.url}/", "baseUrl": f"{drive.url}/drive/v3/", "mtlsRootUrl": f"{drive.url}/"}
    files = discovery.build_from_document(described, credentials=account).files()
    top = drive.folder("Top")
    for number in range(5):
        drive.put(f"{number}.pdf", b"%d" % number, top)
    asked = files.list(q=f"'{top}' in parents and trashed = false", pageSize=2, fields="nextPageToken,files(id,name)")
    found: list[Any] = []
    while asked is not None:
        page = asked.execute()
        found += page["files"]
        asked = files.list_next(asked, page)
    assert [one["name"] for one in found] == [f"{number}.pdf" for number in range(5)]
    assert files.get_media(fileId=found[3]["id"]).execute() == b"3"
    plan = drive.put("Plan", b"exported", kind=DOCUMENT)
    assert files.export_media(fileId=plan, mimeType="text/plain").execute() == b"exported"
    folder = files.create(body={"name": "New", "parents": [top], "mimeType": FOLDER}, fields="id").execute()["id"]
    data = b"x" * 700_000
    media = MediaIoBaseUpload(io.BytesIO(data), "application/octet-stream", chunksize=256 * 1024, resumable=True)
    made = files.create(body={"name": "big", "parents": [folder]}, media_body=media, fields="id,size,md5Checksum")
    told_of: Any = made.execute()
    assert told_of["size"] == "700000", told_of
    assert drive.tree(folder) == {"big": data}
    files.update(fileId=found[0]["id"], body={"trashed": True}).execute()
    assert "0.pdf" not in drive.tree(top)
    told: Any = None
    try:
        files.get(fileId="nowhere").execute()
    except HttpError as error:
        told = (error.status_code, error.error_details[0]["reason"])
    if told != (404, "notFound"):
        raise AssertionError(f"a file that is not there came to {told}")
    return [f"{len(found)} files in pages of 2", "an export", f"{len(data):,} bytes sent in pieces", "an error"]


def main() -> int:
    """0 where the package index does not answer, and a line says so."""
    if find_spec("googleapiclient") is not None:
        with google_drive() as drive:
            sys.stdout.write(f"google-api-python-client: {'; '.join(library(drive))}\n")
        return 0
    if complaint := environment():
        sys.stdout.write(f"google drive: not run, the package index does not answer: {complaint}\n")
        return 0
    paths = os.pathsep.join(str(ROOT / f"libs/{name}/src") for name in ("testkit", "common"))
    told = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), paths))}
    return subprocess.run((str(PYTHON), __file__), env=told, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
