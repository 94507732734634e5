"""From pages to committed files of bronze, and how far a run has come."""
