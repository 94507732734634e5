"""Automations: what starts them, their steps, and the rules that say what is ready now (document 002)."""
