"""How any worker claims, lives, reports, stops and finishes."""
