"""Spans that a test can look at, instead of a collector."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest.mock import patch

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from vai_common import telemetry


class Spans:
    """The spans that have ended."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def named(self, name: str) -> Sequence[ReadableSpan]:
        return [span for span in self._exporter.get_finished_spans() if span.name == name]

    def only(self, name: str) -> ReadableSpan:
        (span,) = self.named(name)
        return span


@contextmanager
def collected() -> Iterator[Spans]:
    """Tracing is on, and each span is kept."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with patch.object(telemetry, "_tracer", provider.get_tracer("test")):
        yield Spans(exporter)
    provider.shutdown()


def trace_of(span: ReadableSpan) -> str:
    """Its trace's id as a W3C header writes it."""
    context = span.get_span_context()
    assert context is not None
    return trace.format_trace_id(context.trace_id)
