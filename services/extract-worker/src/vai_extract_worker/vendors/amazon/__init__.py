"""The source `amazon_sp_api`: Amazon's Selling Partner API."""
