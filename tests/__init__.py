"""Tests of the whole workspace; those of one member are beside it."""
