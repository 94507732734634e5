"""Metrics of calls to the outside."""

from prometheus_client import Counter, Histogram

outbound_calls = Counter("vai_outbound_calls", "Requests of `http_request` to the outside", ["outcome"])
outbound_call_seconds = Histogram(
    "vai_outbound_call_seconds",
    "How long such a request took, from its first attempt to connect to the end of its answer",
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
pages = Counter(
    "vai_pages", "Pages that `fetch_page` was asked for, by the format that was read, or failed", ["outcome"]
)
page_seconds = Histogram(
    "vai_page_seconds",
    "How long fetching and reading a page took",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
page_readers_lost = Counter(
    "vai_page_readers_lost", "Processes that a page has brought down while they read it (crash, time)", ["why"]
)
searches = Counter("vai_searches", "Searches of `web_search`, by how they ended", ["outcome"])
search_seconds = Histogram("vai_search_seconds", "How long a search took", buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30))
agent_steps = Counter("vai_agent_steps", "Answers of models that agents' runs have written")
agent_calls = Counter(
    "vai_agent_calls", "Calls of tools that models asked for: made, refused by the platform, or in doubt", ["outcome"]
)
