"""Where the lake is, and which paths are in it."""

import duckdb
import pytest

from vai_transform_worker.query.literal_paths import Pattern
from vai_worker.lake.places import Lake
from vai_worker.reading.sources import secret_statement

S3 = Lake("s3://bucket/lake/", "org")
LOCAL = Lake("file:///data/the%20lake", "org")


@pytest.mark.parametrize(
    ("lake", "path", "relative"),
    [
        (LOCAL, "file:///data/the%20lake/org/bronze/a/b", "org/bronze/a/b"),
        (LOCAL, "/data/the lake/org/bronze/a/b/", "org/bronze/a/b"),
        (LOCAL, "org/bronze/a/*.parquet", "org/bronze/a/*.parquet"),
        (LOCAL, "/data/the lake/other/bronze/a", None),
        (LOCAL, "/data/the lake/org/../other/x", None),
        (LOCAL, "org/bronze//x", None),
        (LOCAL, "org/./x", None),
        (LOCAL, "organisation/x", None),
        (LOCAL, "/etc/passwd", None),
        (LOCAL, "s3://bucket/org/x", None),
        (LOCAL, "http://org/x", None),
        (LOCAL, "", None),
        (S3, "s3://bucket/lake/org/silver/x", "org/silver/x"),
        (S3, "s3://other/lake/org/silver/x", None),
        (S3, "s3://bucket/lake/org2/silver/x", None),
    ],
)
def test_a_path_is_within_the_organisations_own_lake_or_nowhere(lake: Lake, path: str, relative: str | None) -> None:
    assert lake.relative(path) == relative


def test_addresses_are_what_engine_and_table_format_read() -> None:
    assert LOCAL.address("org/x") == "/data/the lake/org/x"
    assert LOCAL.url_of("org/x") == "file:///data/the%20lake/org/x"
    assert S3.address("org/x") == S3.url_of("org/x") == "s3://bucket/lake/org/x"


def test_the_keys_to_the_lake_come_from_the_environment_and_only_for_a_remote_one() -> None:
    environment = {"AWS_ACCESS_KEY_ID": "id", "AWS_REGION": "", "AWS_ENDPOINT_URL": "http://s3", "PATH": "/bin"}
    assert S3.options(environment) == {
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_ENDPOINT_URL": "http://s3",
        "AWS_ALLOW_HTTP": "true",
    }
    assert LOCAL.options(environment) == {}


def test_the_secret_is_one_statement_whatever_the_keys_are_and_good_for_one_organisation() -> None:
    keys = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "it's; DROP x", "AWS_ENDPOINT_URL": "http://s3:9"}
    text = secret_statement(S3, keys)
    assert len(duckdb.extract_statements(text)) == 1
    assert "SCOPE 's3://bucket/lake/org/'" in text
    assert "ENDPOINT 's3:9'" in text
    assert "USE_SSL false" in text


@pytest.mark.parametrize(
    ("path", "file", "matches"),
    [
        ("o/bronze/a", "o/bronze/a/b/x.parquet", True),
        ("o/bronze/a", "o/bronze/ab/x.parquet", False),
        ("o/bronze/a/x.parquet", "o/bronze/a/x.parquet", True),
        ("o/bronze/a/*.parquet", "o/bronze/a/x.parquet", True),
        ("o/bronze/a/*.parquet", "o/bronze/a/b/x.parquet", False),
        ("o/bronze/a/**/*.parquet", "o/bronze/a/b/c/x.parquet", True),
        ("o/bronze/a/**/*.parquet", "o/bronze/a/x.parquet", True),
        ("o/bronze/?/x.parquet", "o/bronze/a/x.parquet", True),
        ("o/bronze/*/x.parquet", "o/bronze/a/y.parquet", False),
        ("o/bronze/(a|b)", "o/bronze/a/x.parquet", False),
    ],
)
def test_a_path_means_a_file_a_folder_or_a_glob(path: str, file: str, matches: bool) -> None:
    assert Pattern(path).matches(file) is matches
    assert not matches or Pattern(path).may_match_under(file.rpartition("/")[0])


def test_a_path_to_a_table_or_into_it_means_the_table() -> None:
    assert Pattern("o/silver/x").is_table("o/silver/x")
    assert Pattern("o/silver/x/*.parquet").is_table("o/silver/x")
    assert not Pattern("o/silver/xy").is_table("o/silver/x")
