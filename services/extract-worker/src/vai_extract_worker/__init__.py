"""Extraction from sources to the bronze layer."""
