"""Routes: the audit log; and what writes its entries."""
