"""Web pages as readable text: the worker fetches them, and another process reads them."""
