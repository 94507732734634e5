"""Where spans are sent, and that a collector which is away, slow or refuses holds nobody."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from prometheus_client import REGISTRY

from vai_common import telemetry, tracing
from vai_common.clock import now, steady_seconds
from vai_common.settings import Settings
from vai_testkit.servers.otlp import Collector, collecting
from vai_testkit.wait import wait_for

Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def quick(monkeypatch: Patch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_on")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "2")


@contextmanager
def _traced(**settings: Any) -> Iterator[None]:
    """Tracing as a service has it; its end takes no longer than it says."""
    needed: dict[str, Any] = {"database_url": "postgresql://a@b/c", "kafka": "k:1", "lake_url": "file:///lake"}
    before = set(threading.enumerate())
    stop = tracing.start_tracing("a-service", "1.2.3", Settings(**needed | settings))
    try:
        yield
    finally:
        began = steady_seconds()
        stop()
        assert steady_seconds() - began < tracing.FLUSH_SECONDS + 1
        # Their waits are random: another test's Hypothesis would see Python's own numbers change.
        for thread in set(threading.enumerate()) - before:
            if "Otel" in thread.name or "shutdown" in thread.name:
                thread.join(30)
                assert not thread.is_alive()


def _failed() -> float:
    return REGISTRY.get_sample_value("vai_spans_total", {"outcome": "failed"}) or 0


def _nowhere() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def _some(number: int = 1) -> None:
    for _ in range(number):
        with telemetry.span("work"):
            pass


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
@pytest.mark.parametrize("ours", [True, False])
async def test_spans_come_by_both_protocols_and_both_names_of_the_setting(
    protocol: str, ours: bool, monkeypatch: Patch
) -> None:
    with collecting() as collector:
        url = collector.grpc_url if protocol == "grpc" else collector.http_url
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20me")
        if not ours:
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        with _traced(**{"otlp_endpoint": url} if ours else {}):
            _some()
        (one,) = collector.spans
        assert (one.name, one.service, one.resource["service.version"]) == ("work", "a-service", "1.2.3")
        assert collector.headers[0]["authorization"] == "Bearer me"


async def test_what_a_stopping_service_still_has_is_sent(monkeypatch: Patch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "60000")
    with collecting() as collector:
        with _traced(otlp_endpoint=collector.grpc_url):
            _some(700)
        assert len(collector.spans) == 700


@pytest.mark.parametrize("what", ["away", "slow", "refuses"])
async def test_a_collector_that_does_not_take_spans_holds_nobody(what: str) -> None:
    with collecting() as collector:
        collector.hold = what == "slow"
        collector.refusal = grpc.StatusCode.PERMISSION_DENIED if what == "refuses" else None
        before = _failed()
        with _traced(otlp_endpoint=_nowhere() if what == "away" else collector.grpc_url):
            began = steady_seconds()
            _some(3_000)
            assert steady_seconds() - began < 5, "more than the queue holds, and nobody waits"
            if what == "refuses":
                await wait_for(lambda: _failed() > before, 10, what="losses are counted")


async def test_spans_come_again_when_the_collector_is_back() -> None:
    with collecting() as collector:
        port = int(collector.grpc_url.rpartition(":")[2])
        with _traced(otlp_endpoint=collector.grpc_url):
            _some()
            await wait_for(lambda: collector.spans, 10, what="the first span")
            collector.refusal = grpc.StatusCode.UNAVAILABLE
            _some()
            asked = collector.asked
            await wait_for(lambda: collector.asked > asked, 10, what="it was asked")
            collector.refusal = None
            await wait_for(lambda: len(collector.spans) == 2, 10, what=f"the span came again to port {port}")


async def test_a_collector_behind_tls_is_believed_by_its_certificate(tmp_path: Path, monkeypatch: Patch) -> None:
    key, certificate = _pair()
    (tmp_path / "ca.pem").write_bytes(certificate)
    with collecting(grpc.ssl_server_credentials([(key, certificate)])) as collector:
        with _traced(otlp_endpoint=collector.grpc_url):
            _some()
        assert collector.spans == [], "nobody has signed for it"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(tmp_path / "ca.pem"))
        with _traced(otlp_endpoint=collector.grpc_url):
            _some()
        assert [one.name for one in collector.spans] == ["work"]


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:1", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:1", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_where_nobody_wants_spans_none_are_made(environment: dict[str, str], monkeypatch: Patch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with _traced(), telemetry.span("work") as made:
        assert made is None
        assert not telemetry.is_kept()
        assert telemetry.begun("more") is telemetry.exemplar() is telemetry.span_traceparent() is None


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        (
            "OTEL_TRACES_SAMPLER",
            "parentbased_ratio",
            "OTEL_TRACES_SAMPLER is 'parentbased_ratio'; write one of",
        ),
        ("OTEL_TRACES_SAMPLER", "traceidratio", "OTEL_TRACES_SAMPLER_ARG is ''; write a share from 0 to 1"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "OTEL_EXPORTER_OTLP_PROTOCOL is 'http/json'; write grpc or"),
    ],
)
def test_a_slip_in_a_setting_of_opentelemetry_is_named(name: str, value: str, told: str, monkeypatch: Patch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=told), _traced(otlp_endpoint="http://a:1"):
        pass


@pytest.mark.parametrize(("share", "kept"), [(0.0, 0), (1.0, 5)])
async def test_our_own_share_counts_where_opentelemetry_says_nothing(
    share: float, kept: int, monkeypatch: Patch
) -> None:
    monkeypatch.delenv("OTEL_TRACES_SAMPLER")
    with collecting() as collector:
        with _traced(otlp_endpoint=collector.grpc_url, trace_sample=share):
            _some(5)
            with telemetry.span("asked for", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"):
                pass
        assert _names(collector).count("work") == kept
        assert _names(collector).count("asked for") == 1, "its caller has decided"


def _names(collector: Collector) -> list[str]:
    return [one.name for one in collector.spans]


def _pair() -> tuple[bytes, bytes]:
    """A key for localhost and its certificate, which nobody but itself has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now() - timedelta(hours=1))
        .not_valid_after(now() + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    raw = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return raw, certificate.public_bytes(serialization.Encoding.PEM)
