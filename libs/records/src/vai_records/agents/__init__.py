"""Agents: what they are told and may do, what their runs have said, and where their calls may lead."""
