"""Spans and trace ids: nothing where tracing is off, one span for a batch and not for each run (decision 65)."""

import logging
from typing import Any

from vai_common import telemetry
from vai_common.batcher import Batcher
from vai_common.messages.kafka import Producer, Record
from vai_testkit.traces import collected, trace_of

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def _line() -> dict[str, Any]:
    return dict(telemetry.add_trace(None, "info", {"event": "x"}))


def test_without_a_trace_a_line_has_no_ids() -> None:
    assert _line() == {"event": "x"}


def test_a_line_has_the_trace_that_a_caller_named_also_where_tracing_is_off() -> None:
    with telemetry.span("request", TRACEPARENT):
        assert _line() == {"event": "x", "trace_id": TRACE, "span_id": "b7ad6b7169203331"}
    assert _line() == {"event": "x"}


def test_a_line_of_a_library_has_the_ids_too() -> None:
    record = logging.LogRecord("aiokafka", logging.WARNING, "", 1, "away", (), None)
    with telemetry.span("request", TRACEPARENT):
        assert f'"trace_id":"{TRACE}"' in telemetry.JsonLines("x").format(record)
    assert "trace_id" not in telemetry.JsonLines("x").format(record)


def test_a_span_is_under_the_trace_that_is_named_and_its_lines_have_its_id() -> None:
    with collected() as spans:
        with telemetry.span("run", TRACEPARENT, {"runs": 2}):
            line = _line()
        span = spans.only("run")
    assert trace_of(span) == line["trace_id"] == TRACE
    assert line["span_id"] != TRACEPARENT.split("-")[2], "a line is of the span in which it is written"
    assert span.attributes == {"runs": 2}


async def test_a_batch_belongs_to_the_trace_of_none_of_its_runs() -> None:
    """The request that finds the batcher idle starts its work; the others of the batch are not its children."""

    async def flush(items: list[int]) -> list[int]:
        with telemetry.span("flush", None, {"items": len(items)}):
            return items

    batcher: Batcher[int, int] = Batcher(flush)
    with collected() as spans:
        with telemetry.span("request", TRACEPARENT):
            waiting = [batcher.put(number) for number in range(3)]
            assert [await each for each in waiting] == [0, 1, 2]
            assert _line()["trace_id"] == TRACE
        flushed = spans.only("flush")
    assert flushed.parent is None
    assert trace_of(flushed) != TRACE
    assert flushed.attributes == {"items": 3}


async def test_writing_to_kafka_is_one_span_for_all_its_records() -> None:
    producer = Producer("127.0.0.1:1", "test")
    with collected() as spans:
        await producer.send([Record("run.ready.held", None, b"")] * 3)
        attributes = spans.only("write to Kafka").attributes or {}
        assert (attributes["messaging.system"], attributes["messaging.batch.message_count"]) == ("kafka", 3)
    await producer.close()
