"""What operators do on the second day, under load: `make test-daytwo`."""
