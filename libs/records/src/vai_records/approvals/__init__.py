"""What an approver fills in: the fields that a definition asks for, and their values."""
