"""An agent's run turned into an automation that needs no model (document 002, "Crystallized Automations")."""
