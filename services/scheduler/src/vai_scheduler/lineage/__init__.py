"""OpenLineage events: what extractions, transforms and file syncs read and wrote, for a catalogue (docs/lineage.md)."""
