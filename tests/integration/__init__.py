"""Tests on the real embedded stack: servers, services and all, as `make up` starts them."""
