"""A collector of traces that speaks OTLP as real ones do, by gRPC and by HTTP, and keeps what it is sent."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as messages
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as services
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

ERROR = trace_pb2.Status.STATUS_CODE_ERROR


@dataclass(frozen=True)
class Kept:
    """One span as it came over the wire; `resource` says which process has sent it."""

    span: trace_pb2.Span
    resource: dict[str, Any]

    @property
    def name(self) -> str:
        return self.span.name

    @property
    def trace_id(self) -> str:
        return self.span.trace_id.hex()

    @property
    def id(self) -> str:
        return self.span.span_id.hex()

    @property
    def parent(self) -> str:
        """The id of its parent; empty where it has none."""
        return self.span.parent_span_id.hex()

    @property
    def service(self) -> str:
        return str(self.resource["service.name"])

    @property
    def kind(self) -> str:
        """internal, server, client, producer or consumer."""
        return trace_pb2.Span.SpanKind.Name(self.span.kind).removeprefix("SPAN_KIND_").lower()

    @property
    def attributes(self) -> dict[str, Any]:
        return _plain(self.span.attributes)

    @property
    def has_failed(self) -> bool:
        return self.span.status.code == ERROR


@dataclass
class Collector:
    """Answers every batch; `refusal` makes it refuse, `hold` makes it wait until `released` is set."""

    grpc_url: str = ""
    http_url: str = ""
    refusal: grpc.StatusCode | None = None
    hold: bool = False
    released: threading.Event = field(default_factory=threading.Event)
    headers: list[dict[str, str]] = field(default_factory=list)
    asked: int = 0
    _spans: dict[bytes, Kept] = field(default_factory=dict)

    @property
    def spans(self) -> list[Kept]:
        """All that were taken, in the order in which they came."""
        return list(self._spans.values())

    def traces(self) -> dict[str, list[Kept]]:
        """By their trace's id, each in the order in which its spans began."""
        found: dict[str, list[Kept]] = defaultdict(list)
        for one in sorted(self.spans, key=lambda kept: kept.span.start_time_unix_nano):
            found[one.trace_id].append(one)
        return found

    def named(self, trace_id: str, name: str) -> list[Kept]:
        """The spans of a trace that have this name."""
        return [one for one in self.traces().get(trace_id, ()) if one.name == name]

    def take(self, request: messages.ExportTraceServiceRequest, headers: dict[str, str]) -> bool:
        """Whether a batch was taken."""
        self.asked += 1
        self.headers.append(headers)
        if self.hold:
            self.released.wait(60)
        if self.refusal is not None:
            return False
        for batch in request.resource_spans:
            resource = _plain(batch.resource.attributes)
            for span in (span for scope in batch.scope_spans for span in scope.spans):
                # A batch whose answer was lost is sent again.
                self._spans.setdefault(span.span_id, Kept(span, resource))
        return True


@contextmanager
def collecting(credentials: grpc.ServerCredentials | None = None, port: int = 0) -> Iterator[Collector]:
    """A collector that listens on both; with `credentials` gRPC is by TLS."""
    collector = Collector()
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    add: Any = services.add_TraceServiceServicer_to_server
    add(_ByGrpc(collector), server)
    place = f"127.0.0.1:{port}"
    if credentials is None:
        collector.grpc_url = f"http://127.0.0.1:{server.add_insecure_port(place)}"
    else:
        collector.grpc_url = f"https://localhost:{server.add_secure_port(place, credentials)}"
    web = ThreadingHTTPServer(("127.0.0.1", 0), lambda *given: _ByHttp(collector, *given))
    collector.http_url = f"http://127.0.0.1:{web.server_port}"
    serving = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    server.start()
    serving.start()
    try:
        yield collector
    finally:
        collector.released.set()
        server.stop(0).wait()
        web.shutdown()
        web.server_close()
        serving.join()


class _ByGrpc(services.TraceServiceServicer):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def Export(self, request: messages.ExportTraceServiceRequest, context: grpc.ServicerContext) -> Any:  # noqa: N802
        metadata = {name: str(value) for name, value in context.invocation_metadata()}
        if not self._collector.take(request, metadata):
            assert self._collector.refusal is not None
            context.abort(self._collector.refusal, "not now")
        return messages.ExportTraceServiceResponse()


class _ByHttp(BaseHTTPRequestHandler):
    def __init__(self, collector: Collector, *given: Any) -> None:
        self._collector = collector
        super().__init__(*given)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        is_known = (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/x-protobuf")
        headers = {name.lower(): value for name, value in self.headers.items()}
        taken = is_known and self._collector.take(messages.ExportTraceServiceRequest.FromString(body), headers)
        answer = messages.ExportTraceServiceResponse().SerializeToString()
        self.send_response(200 if taken else 503 if is_known else 404)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


def _plain(attributes: Any) -> dict[str, Any]:
    found: list[KeyValue] = list(attributes)
    return {one.key: _value(one.value) for one in found}


def _value(given: AnyValue) -> Any:
    return getattr(given, given.WhichOneof("value") or "string_value")
