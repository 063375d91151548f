"""What happened, on disk: a database of events, and a still and a clip of each alert.

settings.py   the `events` section
store.py      the database: SQLite, or PostgreSQL where several services share one
media.py      stills and clips, files beside the database
"""
