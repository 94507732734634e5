"""What lists share: their bounds, and how many rows they have."""
