"""Sources of vendors, each by the vendor's own API. The data that describes them (tables, pace) is in `vai_records`."""
