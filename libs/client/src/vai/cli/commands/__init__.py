"""The commands of `vai`: one module for each noun."""
