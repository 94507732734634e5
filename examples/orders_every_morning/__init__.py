"""An automation from its trigger to its last step, with a person in between."""
