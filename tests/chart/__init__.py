"""The chart under the real helm, and what stands beside it: `make chart-check`. No part of `make test`."""
