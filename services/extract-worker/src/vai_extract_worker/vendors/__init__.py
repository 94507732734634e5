"""Sources of vendors, each by the vendor's own API; what they are as data stands in `vai_records`."""
