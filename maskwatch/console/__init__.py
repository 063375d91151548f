"""Pages for people, in a process of their own: what the cameras see, what happened, what needs labels, settings.

settings.py       the `console` section
context.py        what all pages share
users.py, access.py, login.py, guard.py   who may sign in, and what each may do
access_log.py     who looked at what; signed_in.py notes it, and ends connections with their session
handover.py       what a console hands to its successor at a reload
texts/            every sentence of the pages, English and Korean side by side; reasons.py translates the service's
shell.py          the frame of every page: navigation.py, language, theme
service_client.py asks the running service
shared_call.py    one call for all who look; undo.py   undo and redo, for both editors
application.py    the pages together; server.py serves them
live/ history/ sites/ review/ team/ editor/ people/   one package a page: live view, events, all sites, queue,
                  labelling as a team, zones and thresholds, users

To add a page: a package with a function `add_pages(app, console)`, a line in `application`, its texts.
"""
