"""A Klaviyo account in bronze."""
