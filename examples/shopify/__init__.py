"""A shop at Shopify, extracted twice."""
