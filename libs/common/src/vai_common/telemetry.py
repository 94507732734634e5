"""Logs, metrics and traces of a service; they must not cost more than the work (rule 18)."""

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
from prometheus_client import Counter, Gauge, Histogram
from structlog.typing import EventDict

if TYPE_CHECKING:
    from vai_common.settings import Settings

_propagator = TraceContextTextMapPropagator()
_nothing = nullcontext()
_tracer: trace.Tracer | None = None

loop_failures = Counter("loop_failures", "Turns of a background loop that failed", ["loop"])
rows_failed = Counter("rows_failed", "Rows that a background loop could not handle and backed off", ["loop"])
hints_dropped = Counter("hints_dropped", "Hints that could not be decoded", ["channel"])
events_published = Counter("events_published", "Public events written to Kafka", ["type"])
publish_failures = Counter("publish_failures", "Attempts to publish that failed")
broker_up = Gauge("broker_up", "Whether the last attempt to reach the broker succeeded")
webhooks_taken = Counter("webhooks_taken", "Webhooks that were verified and stored", ["status"])
webhooks_refused = Counter("webhooks_refused", "Webhooks that were refused", ["reason"])
runs_claimed = Counter("runs_claimed", "Runs that this process claimed", ["kind"])
runs_ended = Counter("runs_ended", "Runs that this process ended", ["kind", "status"])
run_seconds = Histogram(
    "run_seconds", "From claim to end", ["kind"], buckets=(0.01, 0.05, 0.25, 1, 5, 30, 120, 600, 3600)
)
runs_given_up = Counter("runs_given_up", "Runs that were ended because they could not be let go otherwise", ["kind"])
runs_immovable = Counter("runs_immovable", "Changes of runs that the database refuses", ["service"])
log_entries_dropped = Counter("log_entries_dropped", "Entries of runs' logs that could not be written")
automation_runs_cut_off = Counter(
    "automation_runs_cut_off", "Automation runs that were left out because their cause's budget was spent"
)
automation_runs_ended = Counter("automation_runs_ended", "Automation runs that this process ended", ["status"])
schedule_late_seconds = Histogram(
    "schedule_late_seconds", "From a schedule's time to its automation run", buckets=(0.1, 0.5, 1, 5, 30, 300, 3600)
)
runs_live = Gauge("runs_live", "Runs queued or leased: what scaling reads", ["kind", "phase"])
oldest_queued_seconds = Gauge("oldest_queued_seconds", "Age of the oldest queued run", ["kind"])
slots = Gauge("slots", "Runs that this process can hold at once")
slots_busy = Gauge("slots_busy", "Runs that this process holds")


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
    """A processor of structlog: under a trace, a line has its `trace_id` and the `span_id`."""
    line.update(_trace_ids())
    return line


def _trace_ids() -> dict[str, str]:
    now = trace.get_current_span().get_span_context()
    if not now.is_valid:
        return {}
    return {"trace_id": trace.format_trace_id(now.trace_id), "span_id": trace.format_span_id(now.span_id)}


class JsonLines(logging.Formatter):
    """What libraries log (uvicorn, aiokafka, …), as the same JSON lines."""

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
    """Spans to the collector, where there is one; a share of them (`trace_sample`), decided where a trace begins."""
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
    """A span under the trace that `traceparent` (W3C) names, else under the running one.

    Where tracing is off nothing is made: a trace that is named is handed on as it is.
    """
    if _tracer is None:
        return _under(traceparent) if traceparent else _nothing
    parent = _propagator.extract({"traceparent": traceparent}) if traceparent else None
    return _tracer.start_as_current_span(name, context=parent, attributes=attributes)


@contextmanager
def apart() -> Iterator[None]:
    """What is done for many runs at once belongs to the trace of none: a span in here begins a trace."""
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
    """The running trace as a W3C header, for rows, Kafka and gRPC."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")
