"""A connection that cannot be held for nothing: each request must come whole in time, each answer be taken, and an address has so many."""

import asyncio
import fcntl
import sys
import termios
from dataclasses import dataclass
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from maskwatch.core.address import is_loopback
from maskwatch.http.guard import network_of

MIN_BYTES_PER_S = 10_000  # at which a body has to come, beyond the time that every request has
MIN_TAKEN_PER_S = 1_000  # bytes of an answer, by whoever asked for it
MAX_UNWANTED_BYTES = (
    1_000_000  # of a body that still come when the answer was sent; so whoever sends a little more hears it
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Of connections together and from one address. A request has `request_s`, from its first byte (or from the connection's
    begin) to its last; a long body longer, as long as it comes by `MIN_BYTES_PER_S`. Of an answer the rest is not sent
    when within `taken_s` not `MIN_TAKEN_PER_S` of it was taken.

    Loopback has no limit of its own: a proxy or a tunnel brings everybody from there.
    """

    connections: int
    by_address: int
    request_s: float = 10.0
    taken_s: float = 30.0


class BoundedConnection(H11Protocol):
    """For uvicorn's `http`, with `limits` filled in.

    Where there are too many connections, the one that has been idle longest is cut off; where all are being answered, or one
    address has too many, the new one.
    """

    def __init__(self, *arguments: Any, limits: Limits, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._limits = limits
        self._deadline: asyncio.TimerHandle | None = None
        self._taking: asyncio.TimerHandle | None = None
        self._begun_s = 0.0
        self._received = self._unwanted = 0
        self._is_cut_off = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin to wait for a request, unless there are too many connections."""
        super().connection_made(transport)
        out = self._to_cut_off()
        if out is not None:
            out.cut_off()
        if out is self:
            return
        self._begin()
        self._wait_until(self._begun_s + self._limits.request_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._wait_no_more()
        self._take()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take a piece of a request."""
        if self._is_between_requests():
            self._begin()
        self._received += len(data)
        if self._is_unwanted():
            self._unwanted += len(data)
            if self._unwanted > MAX_UNWANTED_BYTES:
                self.cut_off()
                return
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """Wait for the rest of a request that began before this answer's end."""
        super().on_response_complete()
        self._begin()
        self._look()
        if self.transport.get_write_buffer_size():
            self.loop.call_later(self._limits.taken_s, self._give_up_what_is_left)

    def pause_writing(self) -> None:
        """Begin to wait for whoever has to take what is sent."""
        super().pause_writing()
        self._expect_taking()

    def resume_writing(self) -> None:
        """It was taken."""
        self._take()
        super().resume_writing()

    def _expect_taking(self) -> None:
        """From the last look on, some of it; with the system's large buffers it may be long until we may send again."""
        wanted = self._limits.taken_s * MIN_TAKEN_PER_S
        self._taking = self.loop.call_later(
            self._limits.taken_s, self._look_at_taking, self._untaken() - wanted
        )

    def _look_at_taking(self, at_most: float) -> None:
        if self._untaken() > at_most:
            self.cut_off()
        else:
            self._expect_taking()

    def _untaken(self) -> int:
        """Bytes that were sent and did not arrive (`SIOCOUTQ`, tcp(7)), and that wait to be sent."""
        told = fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
        return int.from_bytes(told, sys.byteorder) + self.transport.get_write_buffer_size()

    def _take(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def cut_off(self) -> None:
        """End it at once, whatever is on its way."""
        self._is_cut_off = True
        self.transport.abort()

    def _to_cut_off(self) -> "BoundedConnection | None":
        """Whom this one leaves no place, itself perhaps."""
        if self._is_one_too_many_of_its_address():
            return self
        there = [each for each in self.connections if not getattr(each, "_is_cut_off", False)]
        if len(there) <= self._limits.connections:
            return None
        others = (each for each in there if isinstance(each, BoundedConnection) and each is not self)
        return min((each for each in others if each.is_idle), key=lambda each: each.idleness, default=self)

    def _is_one_too_many_of_its_address(self) -> bool:
        address = self.client[0] if self.client else ""
        if not address or is_loopback(address):
            return False
        own = network_of(address)
        clients = (getattr(each, "client", None) for each in self.connections)  # open websockets among them
        return sum(1 for each in clients if each and network_of(each[0]) == own) > self._limits.by_address

    @property
    def is_idle(self) -> bool:
        """Whether it is the other side's turn."""
        if self.cycle is None or self.conn.their_state is h11.SEND_BODY:
            return True
        return self.cycle.response_complete and not self.transport.get_write_buffer_size()

    @property
    def idleness(self) -> tuple[bool, float]:
        """The first has asked nothing for longest; whose request's body is on its way comes last."""
        return self.conn.their_state is h11.SEND_BODY, self._begun_s

    def _is_between_requests(self) -> bool:
        return self.cycle is not None and self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]

    def _is_unwanted(self) -> bool:
        return (
            self.cycle is not None and self.cycle.response_complete and self.conn.their_state is h11.SEND_BODY
        )

    def _begin(self) -> None:
        self._begun_s, self._received, self._unwanted = self.loop.time(), 0, 0

    def _look(self) -> None:
        """Set the deadline that fits what is awaited now."""
        if self not in self.connections:  # it ended, or is a websocket now
            self._wait_no_more()
        elif self.conn.their_state is h11.SEND_BODY:
            wanted = self.cycle is not None and not self.cycle.response_complete
            longer_s = self._received / MIN_BYTES_PER_S if wanted else 0.0
            self._wait_until(self._begun_s + self._limits.request_s + longer_s)
        elif self.conn.their_state is h11.IDLE and (self.cycle is None or self.conn.trailing_data[0]):
            self._wait_until(self._begun_s + self._limits.request_s)
        else:
            self._wait_no_more()  # uvicorn closes an idle connection itself

    def _wait_until(self, at_s: float) -> None:
        self._wait_no_more()
        self._deadline = self.loop.call_at(at_s, self._give_up)

    def _wait_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        if self.flow.read_paused:  # we do not take it in yet
            self._wait_until(self.loop.time() + self._limits.request_s)
        else:
            self.cut_off()

    def _give_up_what_is_left(self) -> None:
        if self.transport.get_write_buffer_size():
            self.cut_off()
