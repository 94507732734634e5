"""Logs and traces of a service. They must stay cheap (rule 18).

`vai_common.tracing` turns traces on. While they are off no span is made, and a trace that a caller named is passed on
unchanged, for rows, headers and log lines.
"""

import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

import orjson
import structlog
from opentelemetry import context, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from structlog.typing import EventDict

INTERNAL, SERVER, CLIENT = SpanKind.INTERNAL, SpanKind.SERVER, SpanKind.CLIENT
PRODUCER, CONSUMER = SpanKind.PRODUCER, SpanKind.CONSUMER

Attributes = Mapping[str, str | int | float | bool]
"""Of a span, by the semantic conventions of OpenTelemetry; what they do not know begins with `vai.`."""

_ODD = tuple("13579bdf")
"""How the header of a trace ends that is kept: its flags are two hexadecimal digits, the lowest bit says so."""

_TRACEPARENT = re.compile("[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_UNDER = "under"
_propagator = TraceContextTextMapPropagator()
_nothing: AbstractContextManager[None] = nullcontext()
_tracer: trace.Tracer | None = None
_NOBODY: Mapping[str, object] = {}
_subject: ContextVar[Mapping[str, object] | None] = ContextVar("vai_subject", default=None)
_process_subject: Mapping[str, object] = _NOBODY
_tells_everything = False

# Logs -----------------------------------------------------------------------------------------------------------


def start_logging(service: str, level: str) -> None:
    """Structured logs as JSON lines on standard output."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            add_subject,
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
    global _tells_everything
    _tells_everything = level == "debug"
    log_libraries(service, sys.stdout)


def tells_everything() -> bool:
    """Whether the level is debug. Asking structlog costs 2 µs, too much on the way of every run."""
    return _tells_everything


def service_name() -> str:
    """As lines of this process say it; empty where nobody has said."""
    return str(structlog.contextvars.get_contextvars().get("service", ""))


def log_libraries(service: str, stream: TextIO) -> None:
    """What libraries log goes to `stream`, as lines of the same form."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines(service))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def about(under: Span | str | None = None, **names: object) -> None:
    """What the running task is about from now on, for all its lines: `run_id`, `organisation_id`, …

    A line that is written while no span runs has the trace of `under`, a span or a header. Tasks that this one starts
    inherit it.
    """
    _subject.set({_UNDER: under, **names} if under else names)


def process_is_about(under: str | None, **names: object) -> None:
    """The same for a process that lives for one thing: also for threads that libraries start in it."""
    global _process_subject
    _process_subject = {_UNDER: under, **names} if under else names


def _subject_now() -> Mapping[str, object]:
    subject = _subject.get()
    return _process_subject if subject is None else subject


def add_subject(_logger: object, _method: str, line: EventDict) -> EventDict:
    """A processor of structlog: what the line is about, unless it says so itself."""
    for name, value in _subject_now().items():
        if name != _UNDER:
            line.setdefault(name, str(value))
    return line


def add_trace(_logger: object, _method: str, line: EventDict) -> EventDict:
    """A processor of structlog: adds `trace_id` and `span_id` to a line that is logged in a trace."""
    for name, value in _trace_ids().items():
        line.setdefault(name, value)
    return line


def _trace_ids() -> dict[str, str]:
    return trace_of(trace.get_current_span()) or trace_of(_subject_now().get(_UNDER))


def trace_of(under: object) -> dict[str, str]:
    """What a line says of the trace of a span, or of a header; nothing where there is none."""
    if isinstance(under, Span):
        now = under.get_span_context()
        if not now.is_valid:
            return {}
        return {"trace_id": trace.format_trace_id(now.trace_id), "span_id": trace.format_span_id(now.span_id)}
    found = _TRACEPARENT.fullmatch(under) if isinstance(under, str) else None
    return {} if found is None else {"trace_id": found[1], "span_id": found[2]}


class JsonLines(logging.Formatter):
    """Formats what libraries log (uvicorn, aiokafka, …) as the same JSON lines."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {"event": "library", "message": record.getMessage().strip(), "logger": record.name}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        when = datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")
        line |= {**add_subject(None, "", {}), **_trace_ids()}
        line |= {"service": self._service, "level": record.levelname.lower(), "timestamp": when}
        return orjson.dumps(line).decode()


# Traces ---------------------------------------------------------------------------------------------------------


def use_tracer(tracer: trace.Tracer | None) -> None:
    """Make spans with this tracer from now on; None: make none."""
    global _tracer
    _tracer = tracer


def span(
    name: str,
    traceparent: str | None = None,
    attributes: Attributes | None = None,
    kind: SpanKind = INTERNAL,
    *,
    stays_open: bool = False,
) -> AbstractContextManager[Span | None]:
    """A span in the trace that `traceparent` (W3C) names, else in the current one.

    An exception that leaves the block is the span's error. Only its type is kept, because messages may hold secrets.
    A span that `stays_open` must be ended by a call of `ended`. If tracing is off no span is made, and the given trace
    is passed on unchanged.
    """
    if _tracer is None:
        return _Under(_extracted(traceparent)) if traceparent else _nothing
    one = _tracer.start_span(name, _extracted(traceparent) if traceparent else None, kind, attributes)
    return _Spanned(one, stays_open)


def begun(
    name: str,
    traceparent: str | None = None,
    attributes: Attributes | None = None,
    kind: SpanKind = INTERNAL,
    since: int | None = None,
) -> Span | None:
    """A span that is not the running one: who makes it ends it, wherever that is (`ended`).

    None where its trace is not kept. It began at `since` (nanoseconds since 1970), or now.
    """
    if _tracer is None or (traceparent is not None and not traceparent.endswith(_ODD)):
        return None
    parent = _extracted(traceparent) if traceparent is not None else context.get_current()
    if not trace.get_current_span(parent).get_span_context().trace_flags.sampled:
        return None
    return _tracer.start_span(name, parent, kind, attributes, start_time=since)


def ended(
    one: Span | None, error: str | None = None, attributes: Attributes | None = None, at: int | None = None
) -> None:
    """Ends a span, now or `at` (nanoseconds since 1970); `error` is the type of what went wrong."""
    if one is None:
        return
    if one.is_recording():
        if attributes is not None:
            one.set_attributes(attributes)
        if error is not None:
            _fail(one, error)
    one.end(at)


def note(attributes: Attributes, error: str | None = None) -> None:
    """Tells the running span more; `error` is the type of what went wrong in it."""
    if _tracer is None:
        return
    running = trace.get_current_span()
    if running.is_recording():
        running.set_attributes(attributes)
        if error is not None:
            _fail(running, error)


def is_kept() -> bool:
    """Whether the running trace is one that is kept."""
    return _tracer is not None and trace.get_current_span().is_recording()


def exemplar(one: Span | None = None) -> dict[str, str] | None:
    """What links a measured value to a span, the running one if none is given; None where its trace is not kept."""
    if _tracer is None:
        return None
    measured = trace.get_current_span() if one is None else one
    return trace_of(measured) if measured.get_span_context().trace_flags.sampled else None


@contextmanager
def apart() -> Iterator[None]:
    """Work for many runs at once belongs to none of their traces: a span in here begins a trace of its own."""
    token, about_whom = context.attach(context.Context()), _subject.set(_NOBODY)
    try:
        yield
    finally:
        _subject.reset(about_whom)
        context.detach(token)


def current_traceparent() -> str | None:
    """The current trace as a W3C header, for rows, Kafka and gRPC."""
    if trace.get_current_span() is trace.INVALID_SPAN:
        return None
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")


def span_traceparent() -> str | None:
    """The running span as a W3C header; None where no spans are made, and whoever asks has the header that it had."""
    return None if _tracer is None else current_traceparent()


def _extracted(traceparent: str) -> context.Context:
    return _propagator.extract({"traceparent": traceparent}, context.Context())


def _fail(one: Span, error: str) -> None:
    one.set_attribute("error.type", error)
    one.set_status(Status(StatusCode.ERROR))


class _Under:
    """The trace that a caller named, where no spans are made."""

    __slots__ = ("_context", "_token")

    def __init__(self, given: context.Context) -> None:
        self._context = given

    def __enter__(self) -> None:
        self._token = context.attach(self._context)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: Any) -> None:
        context.detach(self._token)


class _Spanned:
    """A span that runs. The SDK's own context manager also writes down what exceptions say."""

    __slots__ = ("_span", "_stays_open", "_token")

    def __init__(self, one: Span, stays_open: bool) -> None:
        self._span = one
        self._stays_open = stays_open

    def __enter__(self) -> Span:
        self._token = context.attach(trace.set_span_in_context(self._span))
        return self._span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if not self._stays_open:
            if kind is not None and self._span.is_recording():
                _fail(self._span, kind.__qualname__)
            self._span.end()
        context.detach(self._token)
