"""The service's web server, asked over loopback."""

from contextlib import contextmanager

import httpx
import pytest

from maskwatch.web.application import make_app
from maskwatch.web.server import Listener, WebServer
from maskwatch.web.settings import WebSettings

TOKEN = "a-token-of-24-characters"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ANYWHERE = WebSettings(port=0)


@contextmanager
def serving(routes, *, token=None, on_crash=None, listener=None):
    """A client of a server with these routes."""
    listener = listener or Listener(ANYWHERE)
    server = WebServer(listener, make_app(routes, token=token), on_crash or (lambda e: pytest.fail(str(e))))
    with server, httpx.Client(base_url=listener.url, trust_env=False, timeout=20) as client:
        yield client
