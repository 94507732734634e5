"""What the environment asks for, and what is wrong with it."""

from pathlib import Path

import pytest

from vai_common.messages.bell import HELD
from vai_contracts.topics import bell_topic
from vai_devstack.banner import banner
from vai_devstack.config import Config, broker_of, from_environment, s3_of
from vai_devstack.errors import StackError
from vai_devstack.home import Home, load_secrets
from vai_devstack.servers import container
from vai_devstack.servers.broker import EmbeddedBroker, GivenBroker
from vai_devstack.servers.ports import PortBook, random_base
from vai_devstack.servers.topics import all_topics
from vai_devstack.services import parse_replicas


def test_replicas_are_read_with_spaces_and_with_commas() -> None:
    assert parse_replicas("extract-worker=2 scheduler=3") == {"extract-worker": 2, "scheduler": 3}
    assert parse_replicas("extract-worker=2,scheduler=0") == {"extract-worker": 2, "scheduler": 0}
    assert parse_replicas("") == {}


@pytest.mark.parametrize("wrong", ["worker=2", "scheduler=many", "scheduler=17", "scheduler", "scheduler=-1"])
def test_replicas_that_say_nothing_are_refused_with_what_can_be_said(wrong: str) -> None:
    with pytest.raises(StackError) as raised:
        parse_replicas(wrong)

    assert "scheduler" in raised.value.advice


def test_without_any_variable_it_is_the_embedded_broker_and_one_of_each() -> None:
    config = from_environment({})

    assert config.home.root == Path(".vai").absolute()
    assert (config.kafka, config.replicas, len(config.services)) == ("embedded", {}, 7)


def test_empty_variables_are_as_good_as_none() -> None:
    assert from_environment({"KAFKA": "", "REPLICAS": "", "VAI_HOME": ""}) == from_environment({})


@pytest.mark.parametrize("wrong", ["kafka", "host:", "host:port", ":9092", "host:70000", "a:1,b"])
def test_a_broker_that_is_no_address_is_refused(wrong: str, home: Home) -> None:
    with pytest.raises(StackError, match="says nothing"):
        broker_of(Config(home, kafka=wrong), PortBook(home.ports))


def test_a_given_address_is_used_as_it_is(home: Home) -> None:
    broker = broker_of(Config(home, kafka="a:1,b:2"), PortBook(home.ports))

    assert isinstance(broker, GivenBroker)
    assert (broker.address, broker.bell) == ("a:1,b:2", "kafka")


def test_the_embedded_broker_rings_by_notify(home: Home) -> None:
    ports = PortBook(home.ports)
    broker = broker_of(Config(home, port_base=random_base()), ports)
    ports.close()

    assert isinstance(broker, EmbeddedBroker)
    assert broker.bell == "notify"


@pytest.mark.parametrize(("asked", "has", "is_s3"), [
    ("", "", False), ("folder", "", False), ("s3", "", True), ("", "s3", True), ("s3", "s3", True),
    ("", "lake", False), ("folder", "lake", False),
])  # fmt: skip
def test_a_stack_keeps_the_lake_that_it_began_with(home: Home, asked: str, has: str, is_s3: bool) -> None:
    """`has`: what an earlier start has left there."""
    if has:
        (home.root / has / "o").mkdir(parents=True)
    ports = PortBook(home.ports)
    config = from_environment({"VAI_HOME": str(home.root), "LAKE": asked})

    assert (s3_of(config, ports, load_secrets(home)) is not None) is is_s3
    ports.close()


@pytest.mark.parametrize(("asked", "has"), [("s3", "lake"), ("folder", "s3")])
def test_another_lake_than_that_with_the_tables_is_refused(home: Home, asked: str, has: str) -> None:
    (home.root / has / "o").mkdir(parents=True)

    with pytest.raises(StackError, match="its tables are there") as raised:
        s3_of(Config(home, lake=asked), PortBook(home.ports), load_secrets(home))

    assert "VAI_HOME=" in raised.value.advice


def test_a_lake_that_says_nothing_is_refused() -> None:
    with pytest.raises(StackError, match="LAKE=s4 says nothing"):
        from_environment({"LAKE": "s4"})


def test_without_a_container_engine_the_message_says_where_it_was_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setattr(container, "has_library", lambda: True)

    with pytest.raises(StackError, match=r"no container engine answers \(tried tcp://127\.0\.0\.1:1\)") as raised:
        container.require_engine()

    assert "KAFKA=apache" in raised.value.advice


def test_every_kind_has_a_bell_and_every_event_a_topic() -> None:
    wanted = {"action.completed", "action.failed", "run.ready.dlt_extract", "run.ready.http_request", bell_topic(HELD)}

    assert wanted <= set(all_topics())


def test_the_banner_shows_the_key_but_not_the_password(tmp_path: Path) -> None:
    stack = {
        "api_url": "http://127.0.0.1:8080",
        "api_key": "vai_12345678_abc",
        "kafka": "127.0.0.1:9",
        "broker": "embedded",
        "database": "postgresql://vai:secret@127.0.0.1:5/vai",
        "lake": "file:///lake",
    }

    shown = banner(stack, tmp_path)

    assert "export VAI_API_URL=http://127.0.0.1:8080 VAI_API_KEY=vai_12345678_abc" in shown
    assert "secret" not in shown
