"""How every worker claims runs, shows that it lives, reports, stops and ends runs."""
