"""What a connection's config and credentials may say."""

from typing import Any

import pytest
from pydantic import ValidationError

from vai_records.connections.config import BadConfig, address, checked_config
from vai_records.connections.credential_checks import check_credentials
from vai_records.connections.credentials import Unusable
from vai_records.definitions.http_request import HttpRequest
from vai_records.header_names import RESERVED

SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    "config",
    [
        {"headers": {"Authorization": f"Bearer {SECRET}"}},
        {"headers": {"X-Hook": f"Bearer {SECRET}"}},
        {"password": SECRET},
        {"pwd": 12345678},
        {"a": {"b": [{"c": {"client_secret": SECRET}}]}},
        {"auth": {"type": "bearer", "token": SECRET}},
        {"auth": SECRET, "oauth": {"refreshToken": SECRET}},
        {"base_url": f"https://h.example/?api_key={SECRET}"},
        {"base_url": f"https://h.example/#access_token={SECRET}"},
        {"url": f"postgresql:u:{SECRET}@h/x"},
        {"url": f"postgresql://u:{SECRET}@h/x"},
        {"url": f"postgresql://u:{SECRET}/x@h/x"},
        {"url": f"  https://u:{SECRET}@h/x"},
        {"url": f"https:\\\\u:{SECRET}@h"},
        {"nested": {"url": f"//u:{SECRET}@h"}},
        {"dsn": f"host=h user=u password={SECRET}"},
        {"options": [f"Server=h;Password={SECRET};"]},
        {"jdbc": f"jdbc:postgresql://h/db?user=u&password={SECRET}"},
        {"note": f"ghp_{SECRET}"},
        {"shared": {"kind": "secret", "value": SECRET}},
        {"headers": [{"name": "Authorization", "value": SECRET}]},
        {"params": [{"field": "client_secret", "value": SECRET}]},
    ],
)
def test_what_looks_secret_is_refused_at_any_depth_and_not_repeated(config: dict[str, Any]) -> None:
    with pytest.raises(BadConfig) as refused:
        checked_config(config)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"base_url": "https://api.example/v1?version=2", "headers": {"X-Api-Version": "2026-01"}, "test_path": "/me"},
        {"auth": {"type": "api_key", "name": "X-K", "location": "query"}},
        {"token_url": "https://h.example/token", "api_key_name": "X-K", "session": None, "password": ""},
        {"url": "postgresql://db.example:5432/shop"},
        {"region": "eu-central-1", "endpoint_url": "https://s3.example:9000", "bucket": "my.bucket-1"},
        {"tags": [{"name": "team", "value": "blue"}, {"name": "token_url", "value": "https://h.example/token"}]},
        {"site": "https://medium.example/@someone", "mail": "mailto:a@b.example", "page": {"token": None}},
    ],
)
def test_what_is_plain_is_stored_as_it_is(config: dict[str, Any]) -> None:
    assert checked_config(config) == config


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"region": "x@127.0.0.1:1/#"}, "region"),
        ({"endpoint_url": "http://127.0.0.1/path"}, "endpoint_url"),
        ({"endpoint_url": 5}, "endpoint_url"),
        ({"base_url": ["https://h.example"]}, "base_url"),
        ({"base_url": "javascript:1"}, "base_url"),
        ({"base_url": "file:///etc/passwd"}, "base_url"),
        ({"base_url": "api.example.com/v1"}, "base_url"),
        ({"base_url": "https://"}, "base_url"),
        ({"base_url": "http://[::1"}, "base_url"),
        ({"bucket": "127.0.0.1"}, "bucket"),
        ({"url": "https://a.example", "base_url": "https://b.example"}, "url"),
    ],
)
def test_a_place_that_is_none_is_refused_where_it_is_saved(config: dict[str, Any], field: str) -> None:
    with pytest.raises(BadConfig) as refused:
        checked_config(config)
    assert refused.value.field == (field,)


def test_url_and_base_url_are_one_address() -> None:
    assert address({"url": "https://a.example"}) == address({"base_url": "https://a.example"})
    assert address({"url": "https://a.example"}) != address({"base_url": "https://b.example"})
    assert address({"region": "eu"}) != address({"region": "us"})


@pytest.mark.parametrize(
    ("known", "config", "field"),
    [
        ({"pin": "1"}, {}, "pin"),
        ({"token": 5}, {}, "token"),
        ({"token": "x", "name": "X-T"}, {}, "api_key"),
        ({"api_key": "k", "location": "cookie"}, {}, "location"),
        ({"password": "x"}, {}, "username"),
        ({"access_key_id": "x"}, {}, "access_key_id"),
        ({"headers": "x"}, {}, "headers"),
        ({"headers": {"X Y": "x"}}, {}, "headers"),
        ({"headers": {"X-Y": "a\nb"}}, {}, "headers"),
        ({"api_key": "a\r\nb"}, {}, "headers"),
        ({"api_key": "k"}, {"auth": {"type": "bearer"}}, "token"),
        ({"token": "k"}, {"auth": {"type": "api_key"}}, "api_key"),
        ({"session_token": "x"}, {}, None),
        ({"token": "x"}, {"auth": {"type": "digest"}}, None),
        ({"token": "x"}, {"auth": {"type": "bearer", "extra": "x"}}, None),
        ({"token": "x"}, {"auth": "bearer"}, None),
    ],
)
def test_credentials_that_nobody_could_use_are_refused(
    known: dict[str, Any], config: dict[str, Any], field: str | None
) -> None:
    with pytest.raises(Unusable) as refused:
        check_credentials(known, config)
    assert (refused.value.field or (None,))[0] == field


@pytest.mark.parametrize("name", [*sorted(RESERVED), "Content-Length", "HOST", "Transfer-Encoding"])
def test_no_connection_gives_a_header_that_is_the_platforms(name: str) -> None:
    for known, config in [
        ({"headers": {name: "5"}}, {}),
        ({}, {"headers": {name: "5"}}),
        ({"token": "t"}, {"headers": {"X-Fine": "x", name: "5"}}),
        ({"api_key": "5", "name": name}, {}),
        ({"api_key": "5"}, {"auth": {"type": "api_key", "name": name}}),
    ]:
        with pytest.raises(Unusable) as refused:
            check_credentials(known, config)
        assert refused.value.field == ("headers", name.lower())
    with pytest.raises(ValidationError, match="the platform sets"):
        HttpRequest.model_validate({"url": "https://example.com/", "headers": {name: "5"}})
    check_credentials({"api_key": "5", "name": name, "location": "query"}, {})


@pytest.mark.parametrize(
    "known",
    [{}, {"user": "u", "password": "p"}, {"access_key_id": "a", "secret_access_key": "s", "session_token": "t"}],
)
def test_credentials_of_databases_and_stores_are_known(known: dict[str, Any]) -> None:
    check_credentials(known, {})
