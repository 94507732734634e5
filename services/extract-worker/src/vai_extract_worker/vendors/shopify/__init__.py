"""The source `shopify`: the GraphQL Admin API, page by page or as a bulk operation."""
