"""A request's body, of which there may be only so much."""

from starlette.requests import Request


class OversizeError(Exception):
    """The body is longer than it may be."""


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The whole body. Raises `OversizeError` before more is held than `max_bytes`, and `ClientDisconnect`."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise OversizeError
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > max_bytes:
            raise OversizeError
    return bytes(body)
