"""A graphics card that is none: it tells where code that is meant for one would break on a machine that has one.

Tensors on `cuda` are kept by the processor but say that they are on the card. Like a card, it refuses every
operation in which they meet tensors of the processor, and what NumPy wants of them. Data, values and gradients
are real, so training code runs as it is. It also counts what would make the processor wait for a card.
"""

from collections import Counter
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext

import torch
from torch import __future__ as future
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map_only

CARD = torch.device("cuda", 0)
aten = torch.ops.aten
COPIES = {aten.copy_.default, aten._to_copy.default}
# a card's tensor may be indexed by places that the processor knows, not the other way round
INDEXING = {aten.index.Tensor, aten.index_put_.default, aten.index_put.default, aten._index_put_impl_.default}
# what gives a size or a number that only the card knows; by name, as inference mode shows composed operations whole
WAITS = {
    "_local_scalar_dense",
    "item",
    "is_nonzero",
    "equal",
    "allclose",
    "nonzero",
    "nonzero_numpy",
    "argwhere",
}
WAITS |= {"masked_select", "_unique2", "unique_dim", "unique_consecutive", "bincount"}
MOVES = {"_to_copy", "to", "copy_"}
ALIKE = {aten.new_zeros.default, aten.new_empty.default, aten.new_empty_strided.default}


class DevicesMeet(RuntimeError):  # noqa: N818 - what torch raises
    """Tensors of the card and of the processor in one operation."""


class OnCard(torch.Tensor):
    """To Python it lies on the card. To torch's own engine, which would ask the driver, on the processor."""

    @staticmethod
    def __new__(cls, kept):
        return torch.Tensor._make_wrapper_subclass(
            cls,
            kept.size(),
            strides=kept.stride(),
            storage_offset=kept.storage_offset(),
            dtype=kept.dtype,
            layout=kept.layout,
            device=kept.device,
            requires_grad=False,
        )

    def __init__(self, kept):
        self.kept = kept

    device = property(lambda _: CARD)
    is_cuda = property(lambda _: True)
    is_cpu = property(lambda _: False)

    def tolist(self):
        return self.cpu().tolist()

    def numpy(self, *_, **__):
        raise TypeError("can't convert cuda:0 device type tensor to numpy")

    __array__ = numpy

    def __repr__(self):
        return f"OnCard({self.kept!r})"

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return computed(func, args, kwargs or {})


def moved(tensor, *args, **kwargs):
    """`Tensor.to` where it, or the tensor whose place it is to take, lies on the card."""
    if args and isinstance(args[0], torch.Tensor):
        args = (args[0].device, args[0].dtype, *args[1:])
    kwargs.pop("copy", None)
    device, dtype, non_blocking, memory_format = torch._C._nn._parse_to(*args, **kwargs)
    goes_to_card = tensor.device.type == "cuda" if device is None else device.type == "cuda"
    if goes_to_card == isinstance(tensor, OnCard) and dtype in {None, tensor.dtype} and memory_format is None:
        return tensor
    how = {"non_blocking": non_blocking}
    how |= {} if memory_format is None else {"memory_format": memory_format}
    return aten._to_copy(tensor, dtype=dtype, device=CARD if goes_to_card else torch.device("cpu"), **how)


class Moves(TorchFunctionMode):
    """Takes tensors to the card and back before torch asks the driver for it."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func is torch.Tensor.to:
            return moved(*args, **kwargs)
        if func is torch.Tensor.cpu:
            return moved(args[0], "cpu")
        if func is torch.Tensor.cuda:
            return moved(args[0], CARD)
        if kwargs.get("device") is not None and torch.device(kwargs["device"]).type == "cuda":
            kwargs["device"] = CARD
        return func(*args, **kwargs)


class Card(TorchDispatchMode):
    """Counts the operations that ran on the card, and by their names those for which a card would be waited for."""

    def __init__(self):
        super().__init__()
        self.operations = 0
        self.waits = Counter()
        self._pinned = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = computed(func, args, kwargs)
        if kwargs.get("pin_memory"):
            self._pinned.add(result.untyped_storage().data_ptr())
        self.operations += any(isinstance(each, OnCard) for each in tree_flatten(result)[0])
        self.waits[str(func)] += self._waits(func, args, kwargs, result)
        self.waits += Counter()  # without the zeros
        return result

    def _waits(self, func, args, kwargs, result):
        name = func.overloadpacket.__name__
        if name in MOVES:
            source, target = (args[1], args[0]) if name == "copy_" else (args[0], result)
            if isinstance(source, OnCard) == isinstance(target, OnCard):
                return False
            host = target if isinstance(source, OnCard) else source
            non_blocking = kwargs.get("non_blocking") or (name == "copy_" and args[2:3] == (True,))
            return not (non_blocking and host.untyped_storage().data_ptr() in self._pinned)
        if not any(isinstance(each, OnCard) for each in tree_flatten((args, kwargs))[0]):
            return False
        if name == "repeat_interleave":
            return kwargs.get("output_size") is None and isinstance(args[-1], OnCard)
        if func in INDEXING:
            return any(each is not None and each.dtype in {torch.bool, torch.uint8} for each in args[1])
        return name in WAITS


def computed(func, args, kwargs):
    given = [each for each in tree_flatten((args, kwargs))[0] if isinstance(each, torch.Tensor)]
    cards = [each for each in given if isinstance(each, OnCard)]
    hosts = [each for each in given if not isinstance(each, OnCard) and each.dim()]
    allowed = func in COPIES or (func in INDEXING and isinstance(args[0], OnCard))
    if cards and hosts and not allowed:
        raise DevicesMeet(f"{func}: tensors of cuda:0 and of cpu meet")
    asked = kwargs.get("device")
    goes_to_card = bool(cards) if asked is None else torch.device(asked).type == "cuda"
    if (
        func is aten.copy_.default or func in ALIKE
    ):  # the engine asks for the latter where it thinks the card is
        goes_to_card = isinstance(args[0], OnCard)
    known = {id(each.kept): each for each in cards}  # what an operation in place gives back
    args, kwargs = tree_map_only(OnCard, lambda each: each.kept, (args, kwargs))
    if asked is not None:
        kwargs = kwargs | {"device": torch.device("cpu")}
    if kwargs.get("pin_memory"):
        kwargs = kwargs | {"pin_memory": False}
    result = func(*args, **kwargs)
    if not goes_to_card:
        return result
    # what is seen of a usual tensor in inference mode is a usual tensor
    with torch.inference_mode(torch.is_inference_mode_enabled() and all(c.is_inference() for c in cards)):
        return tree_map_only(
            torch.Tensor, lambda each: known[id(each)] if id(each) in known else OnCard(each), result
        )


class Stream:
    """A stream, or an event on one, of which everything is done already."""

    def record(self, *_):
        pass

    def synchronize(self):
        pass

    wait_event = wait_stream = record


class AtOnce:
    """Does what a thread is asked to do at once: what is pretended, is so on this thread alone."""

    def __init__(self, *_, **__):
        pass

    def submit(self, work, *arguments):
        done = Future()
        done.set_result(work(*arguments))
        return done


@contextmanager
def pretended_card(monkeypatch, cards=1):
    """Within the block torch has so many cards, which are one; gives the `Card`."""
    monkeypatch.setattr(torch.cuda, "_lazy_init", lambda: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_: False)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda *_: None)
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda _: None)
    # an order of its own for uploads, which here are done at once
    monkeypatch.setattr(torch.cuda, "Stream", lambda *_, **__: Stream())
    monkeypatch.setattr(torch.cuda, "Event", lambda *_, **__: Stream())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda *_: Stream())
    monkeypatch.setattr(torch.cuda, "stream", lambda _: nullcontext())
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda *_: None)
    for name in ("_accelerator_graph_capture_health_check", "_cuda_graph_capture_health_check"):
        monkeypatch.setattr(torch.optim.Optimizer, name, lambda _: None, raising=False)  # asks the driver
    before = torch._C._only_lift_cpu_tensors(), future.get_overwrite_module_params_on_conversion()
    torch._C._set_only_lift_cpu_tensors(True)
    future.set_overwrite_module_params_on_conversion(True)  # a plain parameter cannot take on another type
    try:
        with Moves(), Card() as card:
            yield card
    finally:
        torch._C._set_only_lift_cpu_tensors(before[0])
        future.set_overwrite_module_params_on_conversion(before[1])
