"""Pages for people, in a process of their own: what the cameras see, what happened, what needs labels, settings.

settings.py       the `console` section
context.py        what all pages share
users.py, access.py, login.py, guard.py   who may come in, and what each may do
access_log.py     who looked at what; handover.py: what a console hands to its successor at a reload
texts/            every sentence of the pages, English and Korean side by side
shell.py          the frame of every page: navigation, language, light or dark
service_client.py what the running service is asked
application.py    the pages together; server.py serves them
live/ history/ review/ team/ editor/ people/   one package a page: live view, events, queue, labelling as a team,
                  zones and thresholds, users

To add a page: a package with a function `add_pages(app, console)`, a line in `application`, its texts.
"""
