"""The events and calls between services, generated from proto/."""
