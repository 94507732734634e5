"""What comes next: control flow and automations."""
