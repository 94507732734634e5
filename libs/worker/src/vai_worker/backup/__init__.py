"""A backup of database and lake to one point in time, and the way back: `python -m vai_worker.backup`.

The point is the moment at which the dump saw the database. A file of bronze never changes, a version of a Delta table
neither, and neither is deleted within a day of the moment from which nobody needs it. So whatever the database named
at that moment is in the lake for a day after it: **the database first, the lake afterwards**. The other way round, the
database would name files of runs that ended between the two copies, and that the copy of the lake has not.

A lake that is copied later has more than the database names, and what is more is left out by both ways: files that the
manifest does not name, and versions of Delta tables that were written with a later turn than the database had given.
"""
