"""The catalogue of presets that an action's `templateId` names (decision 7).

A preset's definition lies under the action's own: what the action says wins. Every kind's name is its empty preset.
"""

from dataclasses import dataclass, field
from typing import Any

from vai_records.definitions.kinds import KINDS


@dataclass(frozen=True)
class Preset:
    """One entry: for actions of `kind` only."""

    name: str
    kind: str
    description: str
    definition: dict[str, Any] = field(default_factory=dict)


_ALL = (
    Preset("noop", "dlt_extract", "Does nothing: checks the whole path of a run", {"source": "noop"}),
    Preset("sample_data", "dlt_extract", "Extracts synthetic tables", {"source": "sample"}),
    Preset("rest_api", "dlt_extract", "Extracts from any REST API", {"source": "rest_api"}),
    Preset("files", "dlt_extract", "Extracts csv, jsonl or parquet files", {"source": "filesystem"}),
    Preset(
        "silver_full_refresh",
        "duckdb_transform",
        "Replaces a silver table with the rows of a query",
        {"output_layer": "silver", "mode": "full_refresh"},
    ),
    Preset(
        "silver_incremental_merge",
        "duckdb_transform",
        "Merges the rows of a query into a silver table by its merge keys",
        {"output_layer": "silver", "mode": "incremental_merge"},
    ),
    Preset(
        "gold_full_refresh",
        "duckdb_transform",
        "Replaces a gold table with the rows of a query",
        {"output_layer": "gold", "mode": "full_refresh"},
    ),
    Preset("webhook_post", "http_request", "Posts to a webhook of another service", {"method": "POST"}),
)

PRESETS: dict[str, Preset] = {
    **{kind.name: Preset(kind.name, kind.name, kind.description) for kind in KINDS.values()},
    **{preset.name: preset for preset in _ALL},
}
