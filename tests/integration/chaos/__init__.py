"""Whole parts of a stack are killed, frozen or cut off: nothing is lost, nothing is done twice. `make test-chaos`."""
