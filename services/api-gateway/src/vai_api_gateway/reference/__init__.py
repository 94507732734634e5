"""The reference of the REST API: the OpenAPI document, its page and its examples."""
