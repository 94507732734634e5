"""Architecture tests: which package may import which, and whether the documents tell the truth about the code."""
