"""What a graphics card asks of the cascade: nothing waits for it, shapes are few, and its faults are met."""

import logging
import os
import threading

import cv2
import numpy as np
import pytest
import torch
from harness.card import CARD, AtOnce, pretended_card
from hypothesis import given
from hypothesis import strategies as st

from maskwatch.classify.classifier import CARD_SIZES
from maskwatch.classify.settings import Settings as ClassifySettings
from maskwatch.core.errors import DeviceLost
from maskwatch.core.records import Face
from maskwatch.detect import boxes, cascade
from maskwatch.detect.backends import compiled
from maskwatch.detect.backends.choice import choose
from maskwatch.detect.backends.compiled import AFTER, HandOver, NotCompiled, by_inductor
from maskwatch.detect.backends.pytorch import TorchBackend
from maskwatch.detect.candidates import LENGTHS, Candidates, ExactFilter, PaddedFilter
from maskwatch.detect.cascade import CARD_CROPS, CARD_FRAMES, Mtcnn
from maskwatch.detect.pyramids import upload
from maskwatch.detect.pyramids.upload import Uploader
from maskwatch.detect.settings import Settings
from maskwatch.detect.weights import load_stock
from maskwatch.models.loading import Models, pick_device
from maskwatch.output.demo_clip import FACE
from maskwatch.platform import cuda

CPU = torch.device("cpu")


@pytest.fixture
def card(monkeypatch):
    monkeypatch.setattr(upload, "ThreadPoolExecutor", AtOnce)
    with pretended_card(monkeypatch) as card:
        yield card


@pytest.fixture
def small(bare):
    return cv2.resize(bare, (128, 150), interpolation=cv2.INTER_AREA)


@pytest.fixture(autouse=True)
def found_again():
    """A lost card is lost for the process; here only for a test."""
    yield
    cuda._lost.clear()


# waiting


def waits_by_step(detector, frames, card):
    """How often the processor waits for the card in each step of one call."""
    waits = {}

    def lap(name):
        waits[name] = waits.get(name, 0) + card.waits.total()
        card.waits.clear()

    timed = detector.timed(lap)
    timed.detect(frames[:1])  # makes what is made once a size
    waits.clear()
    card.waits.clear()
    found = timed.detect(frames)
    lap("after")
    return waits, found


def test_the_processor_waits_for_the_card_once_a_stage(small, card):
    detector = Models(CARD).mtcnn(Settings())
    for count in (1, 3, CARD_FRAMES):
        waits, found = waits_by_step(detector, [small] * count, card)
        assert [len(faces) for faces in found] == [1] * count
        once = {"P-Net": 1, "NMS": 1, "R-Net": 1, "O-Net": 1, "mirrored": 1}
        assert waits == {"pyramid": 0, "crops": 0, "after": 0} | once


def test_a_wait_that_a_stage_adds_is_counted(small, card, monkeypatch):
    refined = Mtcnn._refined

    def careless(self, pyramid, found, threshold):
        found = refined(self, pyramid, found, threshold)
        return found[found.scores > 0] if len(found) else found  # looks as innocent as it gets

    monkeypatch.setattr(Mtcnn, "_refined", careless)
    waits, _ = waits_by_step(Models(CARD).mtcnn(Settings()), [small], card)
    assert sum(waits.values()) > 4


def test_the_classifier_waits_once_and_meets_few_shapes(bare, card, monkeypatch):
    classifier = Models(CARD).classifier(ClassifySettings())
    expected = Models(CPU).classifier(ClassifySettings()).classify([(bare, Face(FACE, 1.0))])
    seen = set()
    judge = type(classifier._network).forward
    monkeypatch.setattr(
        type(classifier._network), "forward", lambda self, rgb: seen.add(len(rgb)) or judge(self, rgb)
    )
    for count in (1, 7, 9, 60):
        card.waits.clear()
        told = classifier.classify([(bare, Face(FACE, 1.0))] * count)
        assert told == pytest.approx(expected * count, abs=1e-4)
        assert card.waits.total() == 1
    assert seen <= set(CARD_SIZES)


def test_the_networks_meet_no_shape_that_was_not_made_ready(bare, card):
    noisy = np.random.default_rng(0).integers(0, 255, (60, 70, 3), dtype=np.uint8)
    detector = Models(CARD).mtcnn(Settings(thresholds=(0.01, 0.01, 0.5)))
    backend, seen = detector._backend, {"pnet": set(), "rnet": set(), "onet": set()}
    for name, shapes in seen.items():
        run = getattr(backend, name)
        setattr(backend, name, lambda rgb, run=run, shapes=shapes: shapes.add(tuple(rgb.shape)) or run(rgb))
    assert detector.self_test(cv2.resize(bare, (96, 96)))
    ready = {name: set(shapes) for name, shapes in seen.items()}
    for count in (1, 7):
        detector.detect([noisy] * count)
    assert seen["rnet"] == ready["rnet"] == {(count, 24, 24, 3) for count in CARD_CROPS}
    assert seen["onet"] == ready["onet"] == {(count, 48, 48, 3) for count in CARD_CROPS}
    assert {shape[0] for shape in seen["pnet"]} <= {1, 2, 4, 8, 16}


# suppression


@st.composite
def tables(draw, most=40):
    """Boxes, some the same or without an area, scores of which some are equal, and groups."""
    count = draw(st.integers(0, most))
    at = st.floats(0, 60, width=16)
    rows = draw(
        st.lists(
            st.tuples(at, at, at, at, st.integers(0, 8), st.integers(0, 2)), min_size=count, max_size=count
        )
    )
    table = torch.tensor(rows, dtype=torch.float32).reshape(-1, 6)
    corner, side, score = table[:, :2], table[:, 2:4], table[:, 4] / 10 + 0.1
    return torch.cat([corner, corner + side], dim=1), score, table[:, 5].long()


def box_by_box(found, scores, groups, share):
    """`nms_by_smaller` as it was: one box after the other."""
    kept = []
    area = (found[:, 2:] - found[:, :2] + 1).prod(dim=1)
    for i in torch.argsort(scores, descending=True, stable=True).tolist():
        rivals = torch.tensor([k for k in kept if groups[k] == groups[i]], dtype=torch.int64)
        low = torch.maximum(found[rivals, :2], found[i, :2])
        high = torch.minimum(found[rivals, 2:], found[i, 2:])
        overlap = (high - low + 1).clamp(min=0).prod(dim=1)
        if not (overlap / torch.minimum(area[rivals], area[i]) > share).any():
            kept.append(i)
    return torch.tensor(kept, dtype=torch.int64)


@given(tables(), st.sampled_from([0.0, 0.3, 0.7, 1.0]))
def test_suppression_by_the_smaller_box_keeps_what_box_by_box_keeps(table, share):
    assert boxes.nms_by_smaller(*table, share).tolist() == box_by_box(*table, share).tolist()


def test_a_large_table_is_gone_through_in_parts(monkeypatch):
    random = np.random.default_rng(1)
    corner = random.uniform(0, 300, (500, 2))
    found = torch.from_numpy(np.concatenate([corner, corner + random.uniform(5, 60, (500, 2))], 1)).float()
    scores, groups = torch.from_numpy(random.uniform(0, 1, 500)).float(), torch.zeros(500, dtype=torch.int64)
    monkeypatch.setattr(boxes, "ROWS", 64)
    assert (
        boxes.nms_by_smaller(found, scores, groups, 0.5).tolist()
        == box_by_box(found, scores, groups, 0.5).tolist()
    )


def filled_up(found):
    """A padded table with these candidates, and rows that are none: at the end, as the cascade has them."""
    length = LENGTHS[0] - len(found)
    return Candidates(
        torch.cat([found.boxes, torch.ones((length, 4))]),
        torch.cat([found.scores, torch.full((length,), 0.99)]),  # whatever a network says of nothing
        torch.cat([found.logs, torch.zeros(length)]),
        torch.cat([found.offsets, torch.zeros((length, 4))]),
        torch.cat([found.roll, torch.ones(length)]),
        torch.cat([found.frame, torch.full((length,), -1)]),
    )


@given(tables(), st.booleans())
def test_padded_tables_keep_what_exact_ones_keep(table, as_published):
    found_boxes, scores, frame = table
    scores = scores + torch.arange(len(scores)) * 1e-4  # equal ones may come in another order
    found = Candidates(found_boxes, scores, scores.log(), found_boxes + 1, scores * 2, frame)
    padded, mask = filled_up(found), found.scores > 0.3
    mine, theirs = PaddedFilter(), ExactFilter()
    with pytest.MonkeyPatch.context() as patch:  # OpenCV rounds overlaps that lie on the bound otherwise
        patch.setattr(boxes, "_nms_host", boxes.nms_on_device)
        ours = mine.exact(mine.suppressed(padded, padded.scores > 0.3, padded.frame, 0.5))
        expected = theirs.suppressed(found, mask, found.frame, 0.5)
        assert ours.boxes.tolist() == expected.boxes.tolist()
        assert ours.offsets.tolist() == expected.offsets.tolist()
        last = mine.decided(padded, padded.scores > 0.3, as_published=as_published)
        expected = theirs.decided(found, mask, as_published=as_published)
        assert last.boxes.tolist() == expected.boxes.tolist()
        assert last.frame.tolist() == expected.frame.tolist()
        still = mine.exact(mine.distinct(padded, padded.scores > 0.3, as_published=as_published))
        assert still.boxes.tolist() == expected.boxes.tolist()
        assert still.offsets.tolist() == (expected.boxes + 1).tolist()
        assert still.roll.tolist() == theirs.distinct(found, mask, as_published=as_published).roll.tolist()


def test_a_long_chain_of_rivals_is_followed_to_its_end():
    """Each suppresses the next, which would else suppress the one after: more rounds than are tried at first."""
    count = 50
    left = torch.arange(count) * 4.0
    found_boxes = torch.stack([left, torch.zeros(count), left + 10, torch.full((count,), 10.0)], dim=1)
    scores = torch.linspace(0.9, 0.5, count)
    frame = torch.zeros(count, dtype=torch.int64)
    found = Candidates(found_boxes, scores, scores.log(), found_boxes, torch.zeros(count), frame)
    padded = filled_up(found)
    kept = PaddedFilter().suppressed(padded, None, padded.frame, 0.3)
    kept = PaddedFilter().exact(kept)
    assert kept.boxes.tolist() == found_boxes[::2].tolist()
    assert count > 2 * boxes.ROUNDS
    last = PaddedFilter().decided(padded, padded.scores > 0, as_published=False)
    expected = ExactFilter().decided(found, scores > 0, as_published=False).boxes.tolist()
    assert last.boxes.tolist() == expected
    still = PaddedFilter().distinct(padded, padded.scores > 0, as_published=False)
    assert PaddedFilter().exact(still).boxes.tolist() == expected


# uploads


def test_frames_go_up_as_they_are_begun_or_not(bare, card):
    uploader = Uploader(CARD)
    view, fixed = bare[10:110, 20:120], bare[200:300, 100:200].copy()
    fixed.flags.writeable = False
    first, second = [view, fixed], [bare[:50, :60], bare[50:100, :60]]
    for begun in (None, second, first):
        if begun is not None:
            uploader.begin(begun)
        for frames in (first, second):
            there = uploader.upload(frames)
            assert there.device == CARD
            assert np.array_equal(there.cpu().numpy(), np.stack(frames))
            uploader.taken()
    card.waits.clear()
    uploader.upload(first)
    assert card.waits.total() == 0


def test_the_next_frames_go_up_while_these_are_looked_at(small, card, monkeypatch):
    begun = []
    monkeypatch.setattr(Uploader, "begin", lambda _, frames: begun.append(len(frames)))
    found = Models(CARD).mtcnn(Settings()).detect([small] * (CARD_FRAMES + 3))
    assert begun == [3]
    assert [len(faces) for faces in found] == [1] * (CARD_FRAMES + 3)


# faults


class Faulty(TorchBackend):
    """The processor, said to be a card, on which P-Net raises what `fault` makes of the number of pictures."""

    def __init__(self, fault):
        super().__init__(load_stock(), CPU)
        self.device = torch.device("xpu")
        self._fault = fault

    def pnet_each(self, pictures):
        for rgb in pictures:
            error = self._fault(self.together)
            if error is not None:
                raise error
            yield self.pnet(rgb)


@pytest.fixture
def faulty(monkeypatch):
    """Makes a detector whose backend raises; it takes the processor's way otherwise."""

    def make(fault):
        backend = Faulty(fault)

        def pyramid(self, frames):
            backend.together = len(frames)
            return cascade.HostPyramid(frames, self._settings.min_face_px)

        monkeypatch.setattr(Mtcnn, "_pyramid", pyramid)
        monkeypatch.setattr(cascade, "nothing", lambda _: nothing(CPU))
        return Mtcnn(backend, Settings(), "stock")

    nothing = cascade.nothing
    return make


FULL = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    torch.AcceleratorError("CUDA error: out of memory"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
]


@pytest.mark.parametrize("error", FULL, ids=str)
def test_with_a_full_memory_it_goes_on_with_half_as_many_frames_and_says_so_once(
    faulty, small, error, caplog
):
    asked = []

    def fault(together):
        asked.append(together)
        return error if together > 2 else None

    detector = faulty(fault)
    frames = [small, small[:, ::-1].copy()] * 4
    assert [len(faces) for faces in detector.detect(frames)] == [1] * 8
    assert [n for n in asked if n > 2] == [8, 4]
    asked.clear()
    assert [len(faces) for faces in detector.detect(frames)] == [1] * 8
    assert set(asked) == {2}
    told = [r.getMessage() for r in caplog.records if r.name == "maskwatch.detect.cascade"]
    assert told == [
        "the card's memory is full: 4 frames at once from now on, not 8",
        "the card's memory is full: 2 frames at once from now on, not 4",
    ]


LOST = [
    torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
    RuntimeError("CUDA error: unspecified launch failure\nmore"),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    torch.OutOfMemoryError("CUDA out of memory."),  # even for one frame
]


@pytest.mark.parametrize("error", LOST, ids=str)
def test_a_lost_card_is_told_and_no_later_model_goes_there(faulty, small, error, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device("auto").type == "cuda"
    with pytest.raises(DeviceLost, match=r"device: xpu is given up: (CUDA|cuDNN)") as raised:
        faulty(lambda _: error).detect([small])
    assert "\n" not in str(raised.value)
    assert pick_device("auto") == pick_device("cuda") == CPU
    assert Models(pick_device("cuda")).mtcnn(Settings(half=True)).detect([small])[0]  # half is for the card


def test_an_error_that_is_not_the_cards_is_raised_as_it_is(faulty, small):
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        faulty(lambda _: RuntimeError("mat1 and mat2 shapes cannot be multiplied")).detect([small])
    assert not cuda.lost_cards()


def test_a_lost_card_is_told_by_the_classifier_and_a_full_one_gets_fewer_faces(bare, card, monkeypatch):
    classifier = Models(CARD).classifier(ClassifySettings())
    judge, errors = type(classifier._network).forward, []
    monkeypatch.setattr(
        type(classifier._network),
        "forward",
        lambda self, rgb: judge(self, rgb) if len(rgb) <= 32 else (_ for _ in ()).throw(errors[0]),
    )
    errors.append(torch.OutOfMemoryError("CUDA out of memory."))
    assert len(classifier.classify([(bare, Face(FACE, 1.0))] * 70)) == 70
    errors[0] = torch.AcceleratorError("CUDA error: device-side assert triggered")
    classifier._chunk = 256
    with pytest.raises(DeviceLost, match="device-side assert"):
        classifier.classify([(bare, Face(FACE, 1.0))] * 70)


# compiling


def plain(rgb):
    return rgb.float().mean(dim=(1, 2))[:, :1].repeat(1, 5)


def asked_until(network, rgb, condition):
    for _ in range(3000):
        network(rgb)
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never came")


def test_a_network_serves_while_it_is_compiled_and_hands_over_when_that_is_ready():
    may, calls = threading.Event(), []

    def compile_(network, rgb):
        assert may.wait(30)
        return lambda rgb: calls.append(threading.current_thread().name) or network(rgb)

    network, other = HandOver("P-Net", plain, compile_), torch.zeros((1, 20, 30, 3))
    rgb = torch.arange(120.0).reshape(1, 5, 8, 3)
    for _ in range(2 * AFTER):
        assert torch.equal(network(rgb), plain(rgb))
    assert (network.shapes, calls) == ((), [])
    may.set()
    asked_until(network, rgb, lambda: network.shapes)
    assert torch.equal(network(rgb), plain(rgb))
    assert calls[-1] == threading.current_thread().name
    assert network.shapes == ((1, 5, 8, 3),)
    calls.clear()
    assert torch.equal(network(other), plain(other))  # another shape, seen once
    assert calls == []


@pytest.mark.parametrize(
    ("compile_", "said"),
    [
        (
            lambda *_: (_ for _ in ()).throw(OSError("gcc: not found\nmore")),
            "is not compiled for 1 x 5 x 8 x 3: gcc: not found",
        ),
        (
            lambda network, _: lambda rgb: network(rgb) + 1,
            "compiled for 1 x 5 x 8 x 3 is off by 1: it is not used",
        ),
        (lambda network, _: lambda rgb: network(rgb) * torch.nan, "is off by nan: it is not used"),
    ],
)
def test_what_cannot_be_compiled_or_is_wrong_is_told_once_and_the_plain_network_goes_on(
    compile_, said, caplog
):
    caplog.set_level(logging.INFO)
    network, rgb = HandOver("P-Net", plain, compile_), torch.ones((1, 5, 8, 3))
    asked_until(network, rgb, lambda: caplog.records)
    for _ in range(2 * AFTER):
        assert torch.equal(network(rgb), plain(rgb))
    (record,) = caplog.records
    assert said in record.getMessage()
    assert network.shapes == ()


def test_only_so_many_sizes_are_compiled():
    compiled = []
    network = HandOver("P-Net", plain, lambda network, rgb: compiled.append(rgb.shape[1]) or network)
    for height in range(5, 25):
        for _ in range(AFTER):
            network(torch.zeros((1, height, 8, 3)))
    asked_until(network, torch.zeros((1, 5, 8, 3)), lambda: len(network.shapes) == 8)
    assert compiled == list(range(5, 13))


def test_a_compiled_network_that_does_not_fit_after_all_is_given_up(caplog):
    def unfit(_):
        raise NotCompiled("a tensor of another kind")

    network, rgb = HandOver("P-Net", plain, lambda *_: unfit), torch.ones((1, 5, 8, 3))
    network._ready[tuple(rgb.shape)] = unfit
    assert torch.equal(network(rgb), plain(rgb))
    assert network.shapes == ()
    assert "is given up: a tensor of another kind" in caplog.text


def test_what_torch_does_not_run_on_this_thread_is_given_up(monkeypatch):
    made, rgb = [], torch.ones((1, 5, 8, 3))

    def run(rgb):
        if made:
            raise AssertionError
        return plain(rgb)

    monkeypatch.setattr(torch, "compile", lambda *_, **__: run)
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/somewhere")
    network = by_inductor(plain, rgb)
    made.append(network)
    with pytest.raises(NotCompiled, match="does not run it on this thread"):
        network(rgb)


def test_what_graphs_answer_is_not_written_over_by_their_next_call(monkeypatch):
    kept = torch.zeros((1, 5))

    def recorded(plain, rgb, mode):
        assert mode == "reduce-overhead"
        return lambda rgb: kept.copy_(plain(rgb))  # as a graph does: always the same memory

    monkeypatch.setattr(compiled, "by_inductor", recorded)
    network = compiled.by_graphs(plain, torch.zeros((1, 5, 8, 3)))
    first = network(torch.ones((1, 5, 8, 3)))
    network(torch.zeros((1, 5, 8, 3)))
    assert first.tolist() == [[1.0] * 5]


@pytest.mark.parametrize(
    ("wanted", "got"), [("auto", None), ("off", None), ("on", by_inductor), ("graphs", by_inductor)]
)
def test_what_is_for_cuda_alone_is_not_tried_on_the_processor(wanted, got):
    run = choose("torch", load_stock(), CPU, compiles=wanted).pnet_run
    assert getattr(run, "_compile", None) is got


@pytest.mark.parametrize("chosen", [None, "/somewhere"])
def test_what_was_compiled_is_kept_for_the_next_start(monkeypatch, tmp_path, chosen):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", chosen or "")
    if chosen is None:
        monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
    monkeypatch.setattr(compiled, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(torch, "compile", lambda plain, **_: plain)
    by_inductor(plain, torch.zeros((1, 5, 8, 3)))
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == (chosen or str(tmp_path / "torchinductor"))


@pytest.mark.slow
def test_torch_compiles_beside_the_work_and_nothing_on_the_callers_thread():
    network, made = torch.nn.Sequential(torch.nn.PReLU(3), torch.nn.ReLU()).requires_grad_(False), []

    def run(rgb):
        return network(rgb.permute(0, 3, 1, 2).float() / 128 - 1)

    @torch.inference_mode()
    def compile_():
        made.append(by_inductor(run, torch.zeros((1, 20, 24, 3), dtype=torch.uint8)))

    thread = threading.Thread(target=compile_)
    thread.start()
    thread.join()
    with torch.inference_mode():
        rgb = torch.arange(1440).reshape(1, 20, 24, 3).to(torch.uint8)
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            answer = made[0](rgb)
        assert torch.allclose(answer, run(rgb))
        assert "aten::prelu" not in {each.key for each in profile.key_averages()}  # it is compiled
        with pytest.raises(NotCompiled):
            made[0](rgb[:, 1:].clone())
    with pytest.raises(NotCompiled):
        made[0](torch.zeros((1, 20, 24, 3), dtype=torch.uint8))
