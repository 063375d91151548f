"""Events: what happened.

query.py      which events are shown, as the address says
event_sources.py   this service's events, or those of a shared store
reading.py    what the page reads from the store
sentences.py  an event in words
strip.py, rows.py, dialog.py   drawn as HTML: a day at a glance, the timeline, one alert
timeline.py   the page of one visit, with keys.js in the browser
files.py      stills, clips, the table and the report
"""
