"""What a broker refuses us, as one sentence: what is wrong, and after the colon what to do. Readiness says it, and the
doctor (a broker that is away refuses nothing: rule 19)."""

from collections.abc import Sequence

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidReplicationFactorError,
    KafkaError,
    PolicyViolationError,
    TopicAuthorizationFailedError,
    for_code,
)

_SHOWN = 3


class NotMade(KafkaError):  # type: ignore[misc]
    """Topics that the broker does not let us make; the text is the sentence."""

    def __str__(self) -> str:
        return str(self.args[0])


def of_topics(answers: Sequence[tuple[str, int, str | None]], user: str, replication: int) -> NotMade | None:
    """From a broker's answer to who makes topics: name, code and message of each. What passes by itself is none."""
    refused = [(name, for_code(code), message) for name, code, message in answers if for_code(code) in _WHY]
    if not refused:
        return None
    names = _listed([name for name, _, _ in refused])
    _, kind, message = refused[0]
    if kind is InvalidReplicationFactorError:
        return NotMade(
            f"Kafka cannot keep {names} on {replication} brokers: set VAI_TOPIC_REPLICATION to at most the number of"
            " its brokers"
        )
    if kind is PolicyViolationError:
        told = f" ({message})" if message else ""
        return NotMade(f"a policy of Kafka forbids {names}{told}: change the policy, or make them beforehand")
    return NotMade(
        f"Kafka does not let {_who(user)} make {names}: give it the right Create on them, or make them beforehand"
    )


def of_writing(error: Exception | None, topic: str, user: str) -> str | None:
    """None for an error that is no refusal."""
    if isinstance(error, NotMade):
        return str(error)
    if isinstance(error, TopicAuthorizationFailedError | ClusterAuthorizationFailedError):
        return f"Kafka does not let {_who(user)} write to {topic}: give it the rights Describe and Write on it"
    return None


_WHY = (
    TopicAuthorizationFailedError,
    ClusterAuthorizationFailedError,
    InvalidReplicationFactorError,
    PolicyViolationError,
)


def _who(user: str) -> str:
    return f"the user {user}" if user else "who has not signed in (VAI_KAFKA_USER)"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"the topic {shown}" if len(names) == 1 else f"the topics {shown}" + ", …" * (len(names) > _SHOWN)
