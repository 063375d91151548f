"""What a web server's answer means where a fleet's file was asked for, in words that say what to mend."""

from urllib.parse import urljoin

from maskwatch.core.address import Address
from maskwatch.core.errors import FleetUnreachable, WrongAnswer
from maskwatch.fleet.manifest import MANIFEST

# of HTTP (RFC 9110)
REDIRECTIONS = range(300, 400)
UNAUTHORIZED, FORBIDDEN, NOT_FOUND, GONE = 401, 403, 404, 410
BEFORE = b"\xef\xbb\xbf \t\r\n"  # what may stand before the first tag: a byte order mark, and space
FOR_NOW = {408, 425, 429, *range(500, 600)}  # by the server's fault or for its load: later it may answer


def failure(status: int, name: str, address: str, location: str | None) -> FleetUnreachable:
    """The error for an answer with this status to a request for the file `name` below `address`; `location` is its header."""
    shown = Address(address)
    if status in FOR_NOW:
        return FleetUnreachable(f"{shown}: server error ({status} for {name}); trying again later")
    return WrongAnswer(f"{shown}: {_told(status, name, f'{address}/{name}', location)}")


def _told(status: int, name: str, url: str, location: str | None) -> str:
    if status in {NOT_FOUND, GONE} and name == MANIFEST:
        return (
            f"answers, but has no manifest ({status}): publish into the folder that it serves "
            "(maskwatch fleet publish), or correct fleet.address"
        )
    if status in {NOT_FOUND, GONE}:
        return f"answers, but has no {name} ({status}): its folder is incomplete; copy files/ there before the manifest"
    if status == UNAUTHORIZED:
        return f"rejects the user or password ({status}): fleet.address is https://USER:{{MASKWATCH_NAME}}@HOST/PATH"
    if status == FORBIDDEN:
        return f"refuses {name} ({status}): let the web server read it (chmod o+rx on the folder), and allow this service to ask"
    if status in REDIRECTIONS:
        there = Address(urljoin(url, location)) if location else "elsewhere"
        return f"redirects to {there} ({status}), which is not followed: it may be a login page, or fleet.address must be changed"
    return f"answers {status} for {name}"


def is_page(data: bytes) -> bool:
    """Whether it is HTML or XML, as neither a manifest nor a report is."""
    return data.lstrip(BEFORE)[:1] == b"<"
