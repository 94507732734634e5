"""What the sources of `dlt_extract` can be asked for."""
