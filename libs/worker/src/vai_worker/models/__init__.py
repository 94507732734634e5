"""Calls of language models: one call, its errors, its price. pydantic-ai does the talking, and is imported late."""
