"""Networks that are compiled for the sizes that come again and again, while the plain ones serve.

Compiling takes some ten seconds a size, so it is done on a thread of its own, one size after the other; torch
keeps what it compiled in our cache folder, so that the next start is quicker.
"""

import logging
import os
import threading
from collections import Counter
from collections.abc import Callable
from queue import Empty, SimpleQueue

import torch
from torch import Tensor

from maskwatch.detect.backends.folded import Run
from maskwatch.platform.caches import cache_folder

AFTER = 20  # calls with one size before it is worth compiling: what moves in a view has any of many sizes
MAX_SHAPES = 8  # compiled at most: each takes time, and memory
# largest accepted difference from the plain network's log-odds of a face; bfloat16 causes 0.02
LIMIT = 0.2
IDLE_S = 5.0  # the thread ends when nothing came for so long

Compile = Callable[[Run, Tensor], Run]
"""A network and an input to one that gives the same for inputs of that shape; raises whatever the compiler raises."""

Shape = tuple[int, ...]

log = logging.getLogger(__name__)


class NotCompiled(Exception):  # noqa: N818 - a state
    """What was compiled does not fit this input, although it has its shape."""


class HandOver:
    """A network, `Run`, that hands over to a compiled one, for each shape by itself, when that is ready and right.

    What `compile_` raises, or what differs by more than `LIMIT`, leaves the plain one in place, which is logged. The
    service's thread is the only one that calls it.
    """

    def __init__(self, name: str, plain: Run, compile_: Compile) -> None:
        self._name = name
        self._plain = plain
        self._compile = compile_
        self._asked: Counter[Shape] = Counter()
        self._ready: dict[Shape, Run] = {}
        self._wanted: SimpleQueue[Tensor] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._turn = threading.Lock()
        self._open = 0

    def __call__(self, rgb: Tensor) -> Tensor:
        """What the network says, compiled or not."""
        shape = tuple(rgb.shape)
        ready = self._ready.get(shape)
        if ready is not None:
            try:
                return ready(rgb)
            except NotCompiled as e:
                del self._ready[shape]
                log.warning("%s compiled for %s is given up: %s", self._name, shape, e)
        self._asked[shape] += 1
        if self._asked[shape] == AFTER and sum(n >= AFTER for n in self._asked.values()) <= MAX_SHAPES:
            self._want(rgb)
        return self._plain(rgb)

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Those for which the compiled network serves."""
        return tuple(self._ready)

    @property
    def is_busy(self) -> bool:
        """Whether something is being compiled, or waits for it."""
        return self._open > 0

    def _want(self, rgb: Tensor) -> None:
        with self._turn:
            self._open += 1
            self._wanted.put(rgb.clone())  # what it is tried on
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"compile {self._name}", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                rgb = self._wanted.get(timeout=IDLE_S)
            except Empty:
                with self._turn:
                    if self._wanted.empty():
                        self._thread = None
                        return
                continue
            self._take(rgb)
            with self._turn:
                self._open -= 1

    @torch.inference_mode()
    def _take(self, rgb: Tensor) -> None:
        size = " x ".join(map(str, rgb.shape))
        try:
            made = self._compile(self._plain, rgb)
            difference = float((made(rgb)[:, 0] - self._plain(rgb)[:, 0]).abs().max())
        except Exception as e:  # noqa: BLE001 - whatever a compiler says, the plain network goes on
            reason = str(e).splitlines()[0] if str(e) else type(e).__name__
            log.warning("%s is not compiled for %s: %s", self._name, size, reason)
            return
        if not difference <= LIMIT:
            log.warning("%s compiled for %s is off by %.3g: it is not used", self._name, size, difference)
            return
        self._ready[tuple(rgb.shape)] = made
        log.info("%s is compiled for %s", self._name, size)


def by_inductor(plain: Run, rgb: Tensor, mode: str = "max-autotune-no-cudagraphs") -> Run:
    """`torch.compile` for the shape of `rgb` alone; the first call, made here, compiles.

    Were anything else than the shape another (an inference tensor is not a usual one), what is returned raises
    `NotCompiled`: nothing is ever compiled on the thread that asks.
    """
    # torch's own choice is below /tmp, which a service has anew at each start
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder() / "torchinductor"))
    from torch import _dynamo

    made = torch.compile(plain, dynamic=False, mode=mode)
    # networks share the code of their layers, and so one count of what was compiled of it
    with _dynamo.config.patch(recompile_limit=16 * MAX_SHAPES):
        made(rgb)

    def run(rgb: Tensor) -> Tensor:
        try:
            with torch.compiler.set_stance("fail_on_recompile"):
                maps: Tensor = made(rgb)
        except AssertionError as e:  # torch before 2.14: of graphs, on any thread but the main one
            raise NotCompiled(f"torch does not run it on this thread ({e!r})") from e
        except RuntimeError as e:
            if "fail_on_recompile" not in str(e):
                raise
            raise NotCompiled(str(e).splitlines()[0]) from e
        return maps

    return run


def by_graphs(plain: Run, rgb: Tensor) -> Run:
    """The same as CUDA graphs: one launch a call. The thread that asks records them in its first two calls."""
    made = by_inductor(plain, rgb, mode="reduce-overhead")

    def run(rgb: Tensor) -> Tensor:
        torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        return made(rgb).clone()  # the next call of the graph writes over its own answers

    return run
