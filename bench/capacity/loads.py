"""The loads that the documents speak of."""

from collections.abc import Mapping

from bench.capacity.model import Load

BASE = Load(
    "base",
    {
        "http request": 20_000,
        "extraction": 5_000,
        "extracted row": 5_000 * 2_000,
        "transform": 2_000,
        "transformed row": 2_000 * 50_000,
        "automation run": 5_000,
        "step": 5_000 * 5,
        "log entry": 50_000,
    },
    followers=20,
)
"""A day of a company that connects some dozens of systems: 27,000 runs, of which 25,000 are steps of 5,000 automation
runs; 10 million rows extracted, 100 million transformed; 20 people who follow something."""

EXAMPLE = Load(
    "a shop",
    {
        "extraction": 24_000,
        "extracted row": 24_000 * 5_000,
        "transform": 24_000,
        "transformed row": 24_000 * 20_000,
        "automation run": 24_000,
        "step": 48_000,
    },
    followers=5,
)
"""Twenty systems of fifty resources, read hourly; each extraction is a step, and so is a transform after it."""

FACTORS = (1, 10, 100, 1_000)

KINDS: Mapping[str, Mapping[str, float]] = {
    "`http_request`, 1 kB": {"http request": 1},
    "`dlt_extract`, REST, 2,000 rows": {"extraction": 1, "extracted row": 2_000},
    "`dlt_extract`, csv, 1 million rows": {"file extraction": 1, "file row": 1_000_000},
    "`duckdb_transform`, 50,000 rows": {"transform": 1, "transformed row": 50_000},
    "automation of 5 `http_request`": {"http request": 5, "automation run": 1, "step": 5},
}
"""What one of a kind is made of."""

A_DAY = (1_000, 10_000, 100_000, 1_000_000)
