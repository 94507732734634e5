"""REST, streams and authentication; what people want."""
