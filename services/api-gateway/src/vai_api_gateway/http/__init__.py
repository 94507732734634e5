"""What every route shares: reading a request, answering it, streams, errors."""
