"""The Model Context Protocol: what programs with a model may do here, by the routes that everybody uses."""
