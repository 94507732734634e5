"""The image that `make image` built: `make image-test`."""
