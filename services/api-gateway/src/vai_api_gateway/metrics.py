"""The metrics of the gateway: requests by route, streams, webhooks."""

from prometheus_client import Counter, Gauge, Histogram

http_requests = Counter("vai_http_requests", "Requests that were answered", ["method", "route", "status"])
http_request_seconds = Histogram(
    "vai_http_request_seconds",
    "From a request's head to the end of its answer; live streams are left out",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30),
)
http_requests_open = Gauge("vai_http_requests_open", "Requests that are being answered; live streams are among them")
stream_clients = Gauge("vai_stream_clients", "Clients that follow something live", ["stream"])
webhooks_taken = Counter("vai_webhooks_taken", "Webhooks that were verified and stored", ["status"])
webhooks_refused = Counter("vai_webhooks_refused", "Webhooks that were refused", ["reason"])
runs_immovable = Counter("vai_runs_immovable", "Changes of runs that were asked for and that the database refuses")
mcp_calls = Counter("vai_mcp_calls", "Calls of tools over MCP", ["tool", "outcome"])
