"""Tests of the house itself: who may know whom, and what the documents promise about it."""
