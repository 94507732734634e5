"""SQL transforms over the lake."""
