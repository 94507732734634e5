"""An example: a bucket is mirrored into the lake, one file is handed on by a link, and the folder is pushed back."""
