"""The processes of the services, and whether they live."""
