"""Imported by the fork server, last: opens what its children take along (`warm`)."""

from vai_transform_worker.query import warm

warm.prepare()
