"""What a sync may be asked for, and what the page says of it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from vai_records.definitions.base import Definition
from vai_records.definitions.file_sync import FileSync

PAGE = Path(__file__).parents[4] / "docs/file-sync.md"
GOOD: dict[str, Any] = {"path": "in", "folder": "shop/in"}


@pytest.mark.parametrize(
    "path",
    [
        "in",
        "in/x",
        "s3://bucket",
        "s3://bucket/a b/c",
        "https://example.com/x/",
        "/in",
        "sftp://h/x",
        "sftp://h:22/~/x",
    ],
)
def test_places_that_are_taken(path: str) -> None:
    assert FileSync.model_validate(GOOD | {"path": path}).path == path


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"path": "../x"}, "'..'"),
        ({"path": "s3://bucket/../x"}, "'..'"),
        ({"path": "s3://B/x"}, "a bucket's name"),
        ({"path": "s3://key:secret@bucket/x"}, "bucket's name"),
        ({"path": "https://user:pw@host/"}, "no user name or password"),
        ({"path": "https://host/?token=x"}, "no query"),
        ({"path": "sftp://host"}, "an SFTP folder is"),
        ({"path": "sftp:///folder"}, "an SFTP folder is"),
        ({"path": "sftp://host:0/folder"}, "an SFTP folder is"),
        ({"path": "sftp://host:x/folder"}, "an SFTP folder is"),
        ({"path": "sftp://host//folder"}, "an SFTP folder is"),
        ({"path": "sftp://host/./folder"}, "an SFTP folder is"),
        ({"path": "sftp://host/../folder"}, "'..'"),
        ({"path": "sftp://user:secret@host/folder"}, "belong into a connection"),
        ({"path": "gs://bucket/x"}, "gs: is not known"),
        ({"path": "file:///etc"}, "file: is not known"),
        ({"path": "a\\b"}, "backslashes"),
        ({"path": ""}, "at least 1"),
        ({"folder": "../x"}, "a folder is"),
        ({"folder": "/x"}, "a folder is"),
        ({"folder": "a//b"}, "a folder is"),
        ({"folder": ".hidden"}, "a folder is"),
        ({"include": []}, "at least 1"),
        ({"include": ["*" + "a*" * 40]}, "wildcards"),
        ({"include": ["/a.txt"]}, "begins without a slash"),
        ({"exclude": ["secret/"]}, "not for folders"),
        ({"exclude": ["./a"]}, "no part of a glob"),
        ({"include": ["a/../b"]}, "no part of a glob"),
        ({"include": ["a//b"]}, "no part of a glob"),
        ({"exclude": ["a\\b"]}, "no backslashes"),
        ({"exclude": ["a\n"]}, "no control characters"),
        ({"direction": "both"}, "'pull' or 'push'"),
        ({"direction": "push", "path": "https://host/"}, "nothing can be pushed"),
        ({"delete_all": True}, "needs delete"),
        ({"delete": "yes"}, "boolean"),
        ({"most_files": "10"}, "integer"),
    ],
)
def test_what_is_refused_says_why(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        FileSync.model_validate(GOOD | fields)
    assert said in str(raised.value)


def test_the_page_has_every_field_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (`.*?`|) ?\|", PAGE.read_text(), re.MULTILINE))
    own = {name: field for name, field in FileSync.model_fields.items() if name not in Definition.model_fields}
    assert rows.keys() >= own.keys()
    for name, field in own.items():
        given = field.default
        shown = "" if field.is_required() else given if isinstance(given, str) else json.dumps(given)
        assert rows[name].strip("`") == shown, name
