"""Tests of the main job: examples/demo."""
