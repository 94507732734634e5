"""What a broker refuses is one sentence that says what to do; the broker here is a real one that is made to refuse."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import TopicAuthorizationFailedError

from vai_common.messages import refusals
from vai_common.messages.kafka import Producer, Record
from vai_common.messages.topics import make_topics
from vai_contracts.topics import bell_topic
from vai_devstack.servers.broker import Broker
from vai_testkit.servers.broker import NOWHERE

NEW, THERE = bell_topic("refusals_new"), bell_topic("refusals_there")
NO_RIGHT, NOT_SO_MANY, POLICY, IS_THERE = 29, 38, 44, 36


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, str], None]:
    """Lets the broker answer with a code to whoever makes topics."""

    def answer(code: int, message: str = "") -> None:
        async def create(admin: Any, topics: list[Any]) -> Any:
            return SimpleNamespace(topic_errors=[(topic.name, code, message) for topic in topics])

        monkeypatch.setattr(AIOKafkaAdminClient, "create_topics", create)

    return answer


@pytest.mark.parametrize(
    ("code", "what", "advice"),
    [
        (NO_RIGHT, f"does not let who has not signed in (VAI_KAFKA_USER) make the topic {NEW}", "the right Create"),
        (NOT_SO_MANY, f"cannot keep the topic {NEW} on 3 brokers", "set VAI_TOPIC_REPLICATION"),
        (POLICY, f"forbids the topic {NEW} (at most 2)", "change the policy"),
    ],
)
async def test_topics_that_may_not_be_made_are_named(
    broker: Broker, answering: Callable[[int, str], None], code: int, what: str, advice: str
) -> None:
    answering(code, "at most 2")
    with pytest.raises(refusals.NotMade) as refused:
        await make_topics(broker.address, [NEW], 3)
    said, _, told = str(refused.value).rpartition(": ")
    assert what in said
    assert advice in told


async def test_a_topic_that_somebody_else_has_just_made_is_no_refusal(
    broker: Broker, answering: Callable[[int, str], None]
) -> None:
    answering(IS_THERE, "")
    await make_topics(broker.address, [NEW])


async def test_a_producer_tells_what_is_refused_and_when_it_is_mended(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_topics(broker.address, [THERE])
    told: list[str | None] = []
    producer = Producer(broker.address, "refusals-test")
    producer.on_refused = told.append
    try:
        with monkeypatch.context() as patched:

            async def send(_producer: Any, topic: str, **_given: Any) -> Any:
                raise TopicAuthorizationFailedError(topic)

            patched.setattr(AIOKafkaProducer, "send", send)
            (failed,) = await producer.send([Record(THERE, None, b"")])
            assert failed is not None
        await producer.send([Record(THERE, None, b"")])
    finally:
        await producer.close()
    assert told == [
        f"Kafka does not let who has not signed in (VAI_KAFKA_USER) write to {THERE}: give it the rights Describe and"
        " Write on it",
        None,
    ]


async def test_a_broker_that_is_away_refuses_nothing() -> None:
    told: list[str | None] = []
    producer = Producer(NOWHERE, "refusals-test")
    producer.on_refused = told.append
    await producer.send([Record(THERE, None, b"")])
    await producer.close()
    assert told == []
