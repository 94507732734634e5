"""Looks at an installation from inside, with a service's own settings, and says what is wrong and what to do."""
