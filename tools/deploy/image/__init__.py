"""The image: what goes into it, how it is built, what is in it."""
