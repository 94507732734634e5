"""The model of docs/capacity.md: its arithmetic, and that the page says what the constants say."""
