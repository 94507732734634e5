"""Creates topics, with their number of partitions and their retention (an option of the message in proto/)."""

from collections.abc import Sequence
from datetime import timedelta

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError

from vai_common.messages import refusals
from vai_common.messages.brokers import Brokers
from vai_contracts.topics import retention_of

PARTITIONS = 3


async def make_topics(brokers: str | Brokers, topics: Sequence[str], replication: int = 1) -> None:
    """Create the topics that are missing. Topics that exist are not changed.

    `replication` is the number of brokers that keep each topic.

    Raises LookupError for a topic that is not in the contracts, KafkaError or OSError where the broker does not answer,
    and the KafkaError `NotMade` where it refuses.
    """
    brokers = Brokers.of(brokers)
    new = [new_topic(topic, replication) for topic in topics]
    admin = AIOKafkaAdminClient(**brokers.options(), client_id="vai-topics", request_timeout_ms=5_000)
    try:
        await admin.start()
        there = set(await admin.list_topics())
        if missing := [topic for topic in new if topic.name not in there]:
            answer = await admin.create_topics(missing)
            told = [(name, code, *message, None)[:3] for name, code, *message in answer.topic_errors]
            if refused := refusals.of_topics(told, brokers.user, replication):
                raise refused
    except TopicAlreadyExistsError:
        return
    finally:
        await admin.close()


def new_topic(topic: str, replication: int = 1) -> NewTopic:
    milliseconds = retention_of(topic) // timedelta(milliseconds=1)
    kept = {"cleanup.policy": "delete", "retention.ms": str(milliseconds)}
    return NewTopic(topic, PARTITIONS, replication, topic_configs=kept)
