"""The subscriber of hints, on FastStream's test broker: what it hears, drops and counts, without any broker.

What the broker adds (groups, breaks, a broker that comes back empty) is in `test_bell.py`.
"""

from uuid import UUID

import pytest
from aiokafka import ConsumerRecord
from faststream.kafka import KafkaBroker, TestKafkaBroker
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from vai_common.ids import uuid7
from vai_common.messages.bell import HELD
from vai_common.messages.brokers import Brokers
from vai_common.messages.consumers import Subscription, subscriber
from vai_contracts.topics import bell_topic
from vai_contracts.vai.bell.v1.bell_pb2 import RunReady

KINDS = ("dlt_extract", HELD)
FOREIGN = [b"", b"not ids at all", b"0", b"\x0a\x03abc", b'{"run_ids": []}', b"\xff" * 40]


def _rung(*ids: UUID) -> bytes:
    return RunReady(run_ids=[str(each) for each in ids]).SerializeToString()


def _record(kind: str, value: bytes | None) -> ConsumerRecord[bytes, bytes]:
    return ConsumerRecord(bell_topic(kind), 0, 1, 1, 0, None, value, None, 0, len(value or b""), ())


class _Heard:
    def __init__(self, *, counted: bool = False) -> None:
        self.hints: list[tuple[str, list[UUID]]] = []
        self.broker: KafkaBroker = subscriber(Subscription(Brokers.of("nowhere:1"), "test", KINDS, self, 1, counted))

    def __call__(self, kind: str, ids: list[UUID]) -> None:
        self.hints.append((kind, ids))

    async def batch(self, *records: ConsumerRecord[bytes, bytes]) -> None:
        """As aiokafka hands them over: those of several topics together."""
        async with TestKafkaBroker(self.broker):
            (only,) = self.broker.subscribers
            await only.process_message(records)


async def test_what_is_published_is_heard_with_its_kind() -> None:
    heard, first, second = _Heard(), uuid7(), uuid7()
    async with TestKafkaBroker(heard.broker) as broker:
        await broker.publish(_rung(first), bell_topic("dlt_extract"))
        await broker.publish(_rung(second), bell_topic(HELD))
    assert heard.hints == [("dlt_extract", [first]), (HELD, [second])]


async def test_one_batch_may_hold_records_of_several_topics() -> None:
    heard, ids = _Heard(), [uuid7() for _ in range(4)]
    await heard.batch(
        _record(HELD, _rung(ids[0])), _record("dlt_extract", _rung(*ids[1:3])), _record(HELD, _rung(ids[3]))
    )
    assert heard.hints == [(HELD, [ids[0]]), ("dlt_extract", ids[1:3]), (HELD, [ids[3]])]


@given(st.lists(st.one_of(st.uuids(), st.binary(max_size=30), st.sampled_from(FOREIGN)), min_size=1, max_size=8))
async def test_whatever_else_is_in_a_batch_each_hint_is_heard(values: list[UUID | bytes]) -> None:
    heard = _Heard()
    await heard.batch(*(_record(HELD, _rung(each) if isinstance(each, UUID) else each) for each in values))
    ids = [each for _, hint in heard.hints for each in hint]
    assert [each for each in values if isinstance(each, UUID)] == [each for each in ids if each in values]


@pytest.mark.parametrize("foreign", [value for value in FOREIGN if value])
async def test_what_cannot_be_decoded_is_counted(foreign: bytes) -> None:
    before = REGISTRY.get_sample_value("vai_hints_dropped_total", {"channel": HELD}) or 0
    heard = _Heard()
    await heard.batch(_record(HELD, foreign))
    assert heard.hints == []
    assert REGISTRY.get_sample_value("vai_hints_dropped_total", {"channel": HELD}) == before + 1


async def test_a_record_without_a_value_is_no_hint() -> None:
    heard = _Heard()
    await heard.batch(_record(HELD, None), _record(HELD, _rung()))
    assert heard.hints == []


async def test_nothing_is_acknowledged_and_a_process_has_one_consumer() -> None:
    """A commit would tie the consumer to its group: a broker that came back empty does not know that group."""
    (only,) = _Heard().broker.subscribers
    assert only._connection_args["enable_auto_commit"] is False  # type: ignore[attr-defined]
    assert only.ack_policy.value == "manual"
    assert [topic.name for topic in only.topics] == [bell_topic(kind) for kind in KINDS]  # type: ignore[attr-defined]


async def test_metrics_are_measured_where_somebody_wants_them_also_after_a_break() -> None:
    """A subscriber is made again after each break; the metrics of a process are registered once."""
    labels = {"app_name": "test", "broker": "kafka", "handler": bell_topic(HELD)}

    def received() -> float:
        return REGISTRY.get_sample_value("faststream_received_messages_total", labels) or 0

    before = received()
    await _Heard().batch(_record(HELD, _rung(uuid7())))
    assert received() == before, "without being asked, nothing is measured in the path of a run (rule 18)"
    for _ in range(2):
        await _Heard(counted=True).batch(_record(HELD, _rung(uuid7())), _record(HELD, _rung(uuid7())))
    assert received() == before + 4
