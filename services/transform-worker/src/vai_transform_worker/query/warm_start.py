"""The fork server imports this module last. It opens the databases for its children (`warm`)."""

from vai_transform_worker.query import warm

warm.prepare()
