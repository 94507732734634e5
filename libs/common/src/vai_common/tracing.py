"""Spans to a collector (OTLP), where one is named; without one nothing of the SDK is imported.

Our own names (`VAI_OTLP_ENDPOINT`, `VAI_TRACE_SAMPLE`) and the standard ones (`OTEL_…`) are read. A collector that is
away, slow or refuses costs spans, which are counted, and holds nobody: they wait in a bounded queue, and a thread sends
them.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from threading import Thread
from typing import TYPE_CHECKING, Final, cast

from vai_common.metrics import spans_sent
from vai_common.telemetry import use_tracer

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
    from opentelemetry.sdk.trace.sampling import Sampler

    from vai_common.settings import Settings

FLUSH_SECONDS: Final = 2.0
"""How long a service that stops waits until its last spans are taken."""

_PLACES: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_GRPC: Final = "grpc"
_HTTP: Final = "http/protobuf"
_RATIOS: Final = ("traceidratio", "parentbased_traceidratio")
_SAMPLERS: Final = ("always_on", "always_off", "parentbased_always_on", "parentbased_always_off", *_RATIOS)


def start_tracing(
    service: str, version: str, settings: "Settings", environment: Mapping[str, str] = os.environ
) -> Callable[[], None]:
    """Begins to send spans where a collector is named; answers how to stop, which takes `FLUSH_SECONDS` at the most.

    Raises ValueError for a setting of ours or of OpenTelemetry that cannot be followed, with what to write instead.
    """
    if not _is_wanted(settings, environment):
        return lambda: None
    _check(environment)
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = {"service.name": service, "service.namespace": "vai", "service.version": version}
    resource = Resource.create({**named, "service.instance.id": f"{os.uname().nodename}-{os.getpid()}"})
    provider = TracerProvider(sampler=_sampler(settings, environment), resource=resource, shutdown_on_exit=False)
    exporter = _Counted(_exporter(settings, environment))
    provider.add_span_processor(BatchSpanProcessor(cast("SpanExporter", exporter)))
    use_tracer(provider.get_tracer("vai", version))

    def stop() -> None:
        use_tracer(None)
        # The SDK itself would wait up to 30 s for a collector that does not answer.
        closing = Thread(target=provider.shutdown, daemon=True)
        closing.start()
        closing.join(FLUSH_SECONDS)

    return stop


def _is_wanted(settings: "Settings", environment: Mapping[str, str]) -> bool:
    is_off = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    is_off = is_off or environment.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none"
    return not is_off and bool(settings.otlp_endpoint or any(environment.get(name) for name in _PLACES))


def _check(environment: Mapping[str, str]) -> None:
    """The SDK passes over what it does not know: a slip in the name of a sampler would keep every trace."""
    if (protocol := _protocol(environment)) not in (_GRPC, _HTTP):
        raise ValueError(f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}; write {_GRPC} or {_HTTP}")
    given = environment.get("OTEL_TRACES_SAMPLER")
    if not given:
        return
    if given.lower() not in _SAMPLERS:
        raise ValueError(f"OTEL_TRACES_SAMPLER is {given!r}; write one of {', '.join(_SAMPLERS)}")
    share = environment.get("OTEL_TRACES_SAMPLER_ARG", "")
    if given.lower() in _RATIOS and not _is_share(share):
        raise ValueError(f"OTEL_TRACES_SAMPLER_ARG is {share!r}; write a share from 0 to 1, 0.01 for one in a hundred")


def _protocol(environment: Mapping[str, str]) -> str:
    return next((given for name in _PROTOCOLS if (given := environment.get(name))), _GRPC)


def _is_share(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False


def _sampler(settings: "Settings", environment: Mapping[str, str]) -> "Sampler | None":
    """None: what `OTEL_TRACES_SAMPLER` names. Else a share, decided where a trace begins."""
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

    return None if environment.get("OTEL_TRACES_SAMPLER") else ParentBasedTraceIdRatio(settings.trace_sample)


def _exporter(settings: "Settings", environment: Mapping[str, str]) -> "SpanExporter":
    """Certificates, headers, the time limit and compression are read from `OTEL_EXPORTER_OTLP_…`."""
    given = settings.otlp_endpoint
    if _protocol(environment) == _HTTP:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as ByHttp

        base = given if not given or "://" in given else f"http://{given}"
        return ByHttp(f"{base.rstrip('/')}/v1/traces" if base else None)
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as ByGrpc

    return ByGrpc(given or None, insecure=True if given and "://" not in given else None)


class _Counted:
    """An exporter whose losses are counted."""

    def __init__(self, exporter: "SpanExporter") -> None:
        self._exporter = exporter

    def export(self, spans: "Sequence[ReadableSpan]") -> "SpanExportResult":
        outcome = "failed"
        try:
            result = self._exporter.export(spans)
            outcome = "sent" if result.name == "SUCCESS" else "failed"
            return result
        finally:
            spans_sent.labels(outcome=outcome).inc(len(spans))

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)
