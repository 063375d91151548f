"""A fleet's registry behind a web server that serves a folder's files; nothing runs there."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx

from maskwatch.core.address import Address, redacted
from maskwatch.core.errors import FleetError, FleetUnreachable, WrongAnswer
from maskwatch.fleet.http_answers import failure, is_page
from maskwatch.fleet.share import whole

CONNECT_S, ANSWER_S = 10.0, 30.0
WHOLE_S = 3600.0  # one answer at most: a server that sends a byte now and then is not waited for
FROM_START, FROM_THERE = 200, 206  # of HTTP: the whole, and the part that was asked for
BEHIND_THE_END = 416
ASKING = {"Accept-Encoding": "identity", "Cache-Control": "no-cache"}  # as it lies there, and as it is now


class HttpShare:
    """A web server's folder. Redirections are not followed."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        self._shown = Address(self._address)
        self._timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S)

    def read(self, name: str, max_bytes: int) -> bytes:
        """A whole file, as `fleet/share.py` says. Raises `WrongAnswer` for a web page, which is none of them."""
        data = whole(self, name, max_bytes)
        if is_page(data):
            raise WrongAnswer(
                f"{self._shown}: answers with a web page instead of {name}: a login page, or fleet.address is wrong"
            )
        return data

    @contextmanager
    def opened(self, name: str, start: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        """A file's bytes, as `fleet/share.py` says. Raises `WrongAnswer`, too."""
        headers = ASKING | ({"Range": f"bytes={start}-"} if start else {})
        with ExitStack() as stack:
            with self._told():
                client = stack.enter_context(httpx.Client(timeout=self._timeout))
                asked = client.stream("GET", f"{self._address}/{name}", headers=headers)
                answer = stack.enter_context(asked)
            yield (
                self._begin(answer, name, start),
                self._chunks(answer),
            )  # a full disk is not the server's fault

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as e:
            # the library's words may hold the address
            raise FleetUnreachable(f"{self._shown}: {redacted(str(e)) or type(e).__name__}") from None

    def _begin(self, answer: httpx.Response, name: str, start: int) -> int:
        if answer.status_code == FROM_START:
            return 0
        told = answer.headers.get("Content-Range", "")
        if answer.status_code == FROM_THERE and start and told.startswith(f"bytes {start}-"):
            return start
        if answer.status_code == BEHIND_THE_END:
            raise FleetError(f"{self._shown}: {name} has no more than {start} bytes")
        raise failure(answer.status_code, name, self._address, answer.headers.get("Location"))

    def _chunks(self, answer: httpx.Response) -> Iterator[bytes]:
        until_s = time.monotonic() + WHOLE_S
        with self._told():
            for chunk in answer.iter_raw():
                if time.monotonic() > until_s:
                    raise FleetUnreachable(f"{self._shown}: the server sends too slowly")
                yield chunk
