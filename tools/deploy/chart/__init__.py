"""The chart: what is drawn for it, and what it is checked against."""
