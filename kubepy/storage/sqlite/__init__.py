"""SQLite as storage: one append-only table whose id is the revision.

`file` makes, locks, checks and copies the file, `backend` reads and writes it. Only this package imports
sqlite3.
"""
