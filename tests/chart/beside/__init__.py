"""What needs no helm: skaffold.yaml, the Compose file, the Dockerfile, what goes into the image."""
