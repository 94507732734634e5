"""What things cost (measured on a stack, `constants.json`), and what a load of them therefore needs (`simulate`)."""
