"""What happened, on disk: a database of events, and a still and a clip of each alert.

settings.py   the `events` section
store.py      the database: events in, found, counted; with schema.py, and sqlite.py and postgres.py for what differs
recorder.py   takes events from the engine's thread and stores them on its own
retention.py  keeps the database to its limits
erase.py      takes a camera's days out of it, or somebody's name
forwarder.py  copies what is stored to a database that several services share
counts.py     counts that go on after a restart
media.py      stills and clips, files beside the database
clips.py      takes them: the last seconds of each camera (ring.py), and what is written of them at an alert
timeline.py   events page by page; csv_export.py as CSV
ratios.py     who wore a mask, by hour and day; week.py a week in figures
"""
