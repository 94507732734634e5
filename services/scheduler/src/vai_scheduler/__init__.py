"""The scheduler: decides what comes next in automations, and runs control flow."""
