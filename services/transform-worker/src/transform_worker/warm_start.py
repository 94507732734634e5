"""Imported by the fork server, last: opens what its children take along (`warm`)."""

from transform_worker import warm

warm.prepare()
