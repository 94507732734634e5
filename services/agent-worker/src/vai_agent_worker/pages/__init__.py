"""Pages of the web as readable text: they are fetched in the worker and read in a process beside it."""
