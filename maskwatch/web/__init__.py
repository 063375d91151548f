"""The service over HTTP: one file a group of addresses, each of which gives a list of Starlette's routes.

settings.py      the `web` section
server.py        the listening socket, and the thread that serves
application.py   routes together behind the guard (maskwatch.http)
watched.py       the running service, as what follows asks it
health.py, status.py, metrics.py   `/healthz` and `/readyz`, `/api/status`, `/metrics`

To add addresses, write a module with a function that gives routes, and add it in `app.web_routes`.
"""
