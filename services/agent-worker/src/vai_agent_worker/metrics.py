"""What calls to the outside came to."""

from prometheus_client import Counter, Histogram

outbound_calls = Counter("vai_outbound_calls", "Requests of `http_request` to the outside", ["outcome"])
outbound_call_seconds = Histogram(
    "vai_outbound_call_seconds",
    "How long such a request took, from its first attempt to connect to the end of its answer",
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
