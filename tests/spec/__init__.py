"""The facts of the source documents as data, and what is held against them."""
