"""A thread that begins and ends with a `with` block."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self


class BackgroundThread(ABC):
    """While the block runs, so does `body`, on a thread of its own. What it raises goes to `on_crash`, on that thread.

    At its end the block waits for the thread, at most `close_s`: one that takes longer ends with the process. `stopping` is
    set then, for whoever else is to know.
    """

    def __init__(
        self,
        name: str,
        on_crash: Callable[[BaseException], None],
        *,
        close_s: float = 1.0,
        stopping: threading.Event | None = None,
    ) -> None:
        self._on_crash = on_crash
        self._close_s = close_s
        self._stopping = stopping or threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(self._close_s)

    @abstractmethod
    def body(self) -> None:
        """What the thread does; it returns soon after `pause` is true."""

    def pause(self, pause_s: float) -> bool:
        """Wait for so long, or until the block ends; returns whether it has ended."""
        return self._stopping.wait(pause_s)

    def _run(self) -> None:
        try:
            self.body()
        except BaseException as e:  # noqa: BLE001 - handed to the owner, who ends the process with it
            self._on_crash(e)
