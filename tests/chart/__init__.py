"""Tests of the chart with the real helm, and of the files beside it: `make chart-check`. Not a part of `make test`."""
