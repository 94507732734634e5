"""Logs and traces of a service. They must stay cheap (rule 18)."""

import logging
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import structlog
from opentelemetry import context, trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from structlog.typing import EventDict

if TYPE_CHECKING:
    from vai_common.settings import Settings

_propagator = TraceContextTextMapPropagator()
_nothing = nullcontext()
_tracer: trace.Tracer | None = None


def start_logging(service: str, level: str) -> None:
    """Structured logs as JSON lines on standard output."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            add_trace,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.BytesLoggerFactory(file=sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines(service))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def add_trace(_logger: object, _method: str, line: EventDict) -> EventDict:
    """A processor of structlog: adds `trace_id` and `span_id` to a line that is logged in a trace."""
    line.update(_trace_ids())
    return line


def _trace_ids() -> dict[str, str]:
    now = trace.get_current_span().get_span_context()
    if not now.is_valid:
        return {}
    return {"trace_id": trace.format_trace_id(now.trace_id), "span_id": trace.format_span_id(now.span_id)}


class JsonLines(logging.Formatter):
    """Formats what libraries log (uvicorn, aiokafka, …) as the same JSON lines."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line = {"event": "library", "message": record.getMessage().strip(), "logger": record.name}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        when = datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")
        line |= _trace_ids()
        line |= {"service": self._service, "level": record.levelname.lower(), "timestamp": when}
        return orjson.dumps(line).decode()


def start_tracing(service: str, settings: "Settings") -> None:
    """Send spans to the collector, if there is one. `trace_sample` is the share of traces, chosen where each begins."""
    global _tracer
    if not settings.otlp_endpoint:
        return
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

    provider = TracerProvider(
        sampler=ParentBasedTraceIdRatio(settings.trace_sample), resource=Resource.create({"service.name": service})
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(settings.otlp_endpoint, insecure=True)))
    trace.set_tracer_provider(provider)
    _tracer = provider.get_tracer("vai")


def span(name: str, traceparent: str | None = None, **attributes: str | int) -> AbstractContextManager[Any]:
    """A span in the trace that `traceparent` (W3C) names, else in the current one.

    If tracing is off no span is made, and the given trace is passed on unchanged.
    """
    if _tracer is None:
        return _under(traceparent) if traceparent else _nothing
    parent = _propagator.extract({"traceparent": traceparent}) if traceparent else None
    return _tracer.start_as_current_span(name, context=parent, attributes=attributes)


@contextmanager
def apart() -> Iterator[None]:
    """Work for many runs at once belongs to none of their traces: a span in here begins a trace of its own."""
    token = context.attach(context.Context())
    try:
        yield
    finally:
        context.detach(token)


@contextmanager
def _under(traceparent: str) -> Iterator[None]:
    token = context.attach(_propagator.extract({"traceparent": traceparent}))
    try:
        yield
    finally:
        context.detach(token)


def current_traceparent() -> str | None:
    """The current trace as a W3C header, for rows, Kafka and gRPC."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")
