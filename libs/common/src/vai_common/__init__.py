"""Mechanisms with no run in them: boot, settings, telemetry, messaging, bell, clock."""
