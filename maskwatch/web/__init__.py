"""The service over HTTP: one file a group of addresses, each of which returns a list of Starlette's routes.

settings.py      the `web` section
server.py        the listening socket, and the thread that serves
starting.py      what is answered until then
application.py   routes together behind the guard (maskwatch.http)
service_view.py  the running service, as what follows asks it
health.py, status.py, metrics.py   `/healthz` and `/readyz`, `/api/status`, `/metrics`
models.py, queue.py, predict.py    `/api/models`, `/api/queue/export`, `/api/predict`

To add addresses, write a module with a function that returns routes, and add it in `web_routes` of `app/servers.py`.
"""
