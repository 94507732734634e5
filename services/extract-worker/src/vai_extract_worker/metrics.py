"""Metrics of extractions, by source. Rows and bytes are counted when a slice is committed."""

from prometheus_client import Counter

extract_rows = Counter("vai_extract_rows", "Rows that were committed to bronze", ["source"])
extract_bytes = Counter("vai_extract_bytes", "Bytes of files that were committed to bronze", ["source"])
extract_slices = Counter("vai_extract_slices", "Commits of slices to bronze", ["source"])
extract_rejected_rows = Counter("vai_extract_rejected_rows", "Rows that were put aside, beside their table", ["source"])
extract_pace_seconds = Counter(
    "vai_extract_pace_seconds", "Seconds for which requests waited for their turn at a vendor", ["source"]
)
sync_files = Counter("vai_sync_files", "Files that file_sync has committed", ["direction", "change"])
sync_bytes = Counter("vai_sync_bytes", "Bytes of files that file_sync has transferred", ["direction"])
