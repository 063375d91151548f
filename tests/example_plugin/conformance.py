"""The author's own tests: `pytest conformance.py`, with maskwatch and this package installed."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import numpy as np
import pytest
from maskwatch_example import nobody_masked, ticket, turnstile

from maskwatch.alerts.registry import SinkContext
from maskwatch.conformance.alerts import AlertContract
from maskwatch.conformance.models import DetectorContract
from maskwatch.conformance.rules import RuleContract, seen
from maskwatch.core.records import Box, Label
from maskwatch.plugins import ModelContext


class TestTicket(AlertContract):
    @pytest.fixture(autouse=True)
    def server(self):
        self.posts = posts = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        with HTTPServer(("127.0.0.1", 0), Handler) as server:
            self.url = f"http://127.0.0.1:{server.server_port}/"
            thread = Thread(target=server.serve_forever)
            thread.start()
            yield
            server.shutdown()
            thread.join()

    def settings(self):
        return ticket.Settings(url=self.url, picture=True)

    def make(self, tmp_path):
        return ticket.build(self.settings(), SinkContext(tmp_path))

    def make_broken(self, tmp_path):
        return ticket.build(ticket.Settings(url="http://127.0.0.1:1/"), SinkContext(tmp_path))

    def told(self, tmp_path):
        return [post for post in self.posts if "ended_at" not in post]


class TestTurnstile(DetectorContract):
    def settings(self):
        return turnstile.Settings(places=((0.25, 0.25, 0.5, 0.75),))

    def make(self):
        return turnstile.build(self.settings(), ModelContext("cpu", None, None))

    def sample(self):
        return np.full((80, 80, 3), 90, np.uint8), Box(20, 20, 40, 60)


class TestNobodyMasked(RuleContract):
    def settings(self):
        return nobody_masked.Settings(for_s=1, cooldown_s=60)

    def make(self):
        return nobody_masked.build(self.settings(), self.context)

    def scene(self, start):
        return [(seen(start + n, dict.fromkeys((1, 2), Label.UNPROTECTED)), ()) for n in range(2)]
