"""What the upkeep of tables has done, by layer."""

from prometheus_client import Counter

upkeep_turns = Counter("vai_upkeep_turns", "Tables that upkeep looked at: well, or not", ["layer", "outcome"])
upkeep_compacted_files = Counter("vai_upkeep_compacted_files", "Small files that were put together", ["layer"])
upkeep_removed_files = Counter("vai_upkeep_removed_files", "Files of versions that are too old to be read", ["layer"])
