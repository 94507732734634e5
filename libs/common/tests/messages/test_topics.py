from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError

from vai_common.messages import topics
from vai_common.messages.bell import HELD
from vai_common.messages.topics import PARTITIONS, make_topics
from vai_contracts.topics import bell_topic
from vai_devstack.servers.broker import Broker
from vai_testkit.database import Database
from vai_testkit.opened import opened_service
from vai_testkit.servers.broker import NOWHERE
from vai_testkit.wait import wait_for

BELL = bell_topic("topics_test")


async def _settings(admin: AIOKafkaAdminClient, topic: str) -> dict[str, str]:
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    (resource,) = answer.to_object()["resources"]
    return {entry["config_names"]: entry["config_value"] for entry in resource["config_entries"]}


async def _partitions(admin: AIOKafkaAdminClient, topic: str) -> int:
    (described,) = await admin.describe_topics([topic])
    return len(described["partitions"])


async def test_a_topic_is_made_with_the_retention_of_its_contract(broker: Broker) -> None:
    topics = {"connection.error": 7 * 24, BELL: 1}
    await make_topics(broker.address, list(topics))
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    try:
        for topic, hours in topics.items():

            async def is_there(topic: str = topic) -> Any:
                return await _partitions(admin, topic) == PARTITIONS

            await wait_for(is_there, what=f"{topic} is there")
            settings = await _settings(admin, topic)
            assert (settings["retention.ms"], settings["cleanup.policy"]) == (str(hours * 3_600_000), "delete")
    finally:
        await admin.close()


async def test_making_what_is_there_changes_nothing(broker: Broker) -> None:
    await make_topics(broker.address, [BELL])
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    try:
        before = await _settings(admin, BELL)
        await make_topics(broker.address, [BELL])
        assert (await _settings(admin, BELL), await _partitions(admin, BELL)) == (before, PARTITIONS)
    finally:
        await admin.close()


async def test_a_topic_that_no_contract_names_is_not_made() -> None:
    with pytest.raises(LookupError, match="orders"):
        await make_topics(NOWHERE, ["orders"])


async def test_without_a_broker_nothing_is_left_open() -> None:
    with pytest.raises(KafkaError):
        await make_topics(NOWHERE, [BELL])


async def test_topics_are_made_with_as_many_copies_as_the_setting_says(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of them makes a topic: the service at its start, the producer, the bell."""
    made = list[Any]()

    class Admin:
        def __init__(self, **options: Any) -> None:
            return

        async def start(self) -> None:
            return

        async def list_topics(self) -> list[str]:
            return []

        async def create_topics(self, topics: list[Any]) -> Any:
            made.extend(topics)
            raise TopicAlreadyExistsError

        async def close(self) -> None:
            return

    monkeypatch.setattr(topics, "AIOKafkaAdminClient", Admin)
    async with opened_service(database.url, "run-dispatcher", bell="kafka", topic_replication=3) as service:
        service.bell.on_ring(("topics_test",), lambda kind, ids: None)
        service.listen()
        await service.producer._ensure(_Unknowing(), {bell_topic("producer")})  # type: ignore[arg-type]
        wanted = {bell_topic("topics_test"), bell_topic("producer"), bell_topic(HELD), "action.completed"}
        await wait_for(lambda: wanted <= {topic.name for topic in made}, timeout=30, what="all three made theirs")
    assert {topic.replication_factor for topic in made} == {3}


class _Unknowing:
    """A producer that knows of no topic."""

    client = SimpleNamespace(cluster=SimpleNamespace(partitions_for_topic=lambda topic: None))
