"""Routes about what can be run and where: actions, connections, kinds."""
