"""What the upkeep of tables has done, by layer, and what flashboards were made."""

from prometheus_client import Counter

upkeep_turns = Counter("vai_upkeep_turns", "Tables that upkeep looked at: well, or not", ["layer", "outcome"])
upkeep_compacted_files = Counter("vai_upkeep_compacted_files", "Small files that were put together", ["layer"])
upkeep_removed_files = Counter("vai_upkeep_removed_files", "Files of versions that are too old to be read", ["layer"])
flashboard_versions = Counter("vai_flashboard_versions", "Versions of flashboards that were written")
flashboard_bytes = Counter("vai_flashboard_bytes", "What their rows and drawings take, compressed")
