"""What hostile inputs have broken once, a small one of each kind."""

import asyncio
import json
import logging
import os
import sqlite3
import struct
import zipfile
from datetime import UTC, datetime

import cv2
import httpx
import numpy as np
import pytest
import torch

from fuzz.kinds.data_sets import coco, label_studio, queue_record
from fuzz.kinds.pictures import of_two_sizes, tiff
from fuzz.kinds.stores import COSTLY
from fuzz.kinds.videos import video
from fuzz.mutation import as_json
from maskwatch.alerts.kinds.notify import _Service
from maskwatch.alerts.outbox import Limits, Outbox
from maskwatch.classify.network import MaskNet, Shape, load_network, save_network
from maskwatch.cli import as_shown
from maskwatch.cli.logs import TextFormatter
from maskwatch.config import yaml_document
from maskwatch.config.load import parse, written_secrets
from maskwatch.console.context import CameraView
from maskwatch.console.history.query import Choice
from maskwatch.console.live.pictures import annotated_jpeg, words_of
from maskwatch.console.service_client import ServiceClient
from maskwatch.console.texts import Texts
from maskwatch.console.users import Account, Role, Users, is_right_password
from maskwatch.core.address import Address
from maskwatch.core.errors import (
    ConfigError,
    DataError,
    EventError,
    ModelError,
    QueueError,
    ServiceError,
    SourceError,
    UserError,
)
from maskwatch.core.events import Event, EventKind
from maskwatch.core.records import FrameReport
from maskwatch.datasets.formats.entries import Entry, write_folder
from maskwatch.datasets.formats.registry import read
from maskwatch.datasets.records import MAX_LINE, Note, Problems
from maskwatch.events.store import EventFilter, EventStore
from maskwatch.learning.archive import Archive
from maskwatch.models.registry import Registry
from maskwatch.platform.files import read_file
from maskwatch.samples import unpack
from maskwatch.samples.import_journal import NAME, undo_import
from maskwatch.samples.imports import import_labels
from maskwatch.samples.sample import read_sample
from maskwatch.samples.store import Queue
from maskwatch.sources.clips import ClipSource
from maskwatch.sources.file import FileSource
from maskwatch.sources.images import ImageSource, decoded, image_size, read_rgb

ENDLESS = [float("inf"), float("nan"), 10**400, -(10**400)]
RECORD = queue_record()


def test_a_video_of_a_codec_that_nobody_knows_says_so(tmp_path):
    path = tmp_path / "clip.avi"
    path.write_bytes(video(path, "avi", "mjpeg", {}).replace(b"MJPG", b"ZZZZ"))
    source = FileSource("door", Address(str(path)))
    with pytest.raises(SourceError, match=r"clip\.avi: holds no video of a codec that is known"):
        list(source.frames())
    with pytest.raises(SourceError, match=r"clip\.avi: holds no video of a codec"):
        source.expected()


def test_a_picture_that_says_two_sizes_is_not_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    small = tiff(8, 8, {}, bytes(192))
    twice = small.replace(struct.pack("<HHII", 258, 4, 1, 8), struct.pack("<HHII", 256, 4, 1, 30_000))
    big = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 3)
    big += b"".join(
        struct.pack("<HHQQ", tag, 4, 1, size) for tag, size in ((256, 8), (256, 30_000), (257, 8))
    )
    for data in (twice, twice[:100], big):
        with pytest.raises(SourceError, match="the body: is not a picture"):
            decoded(data, "the body")


def test_a_picture_of_one_size_is_decoded():
    assert decoded(tiff(8, 6, {}, bytes(144)), "it").shape == (6, 8, 3)
    assert of_two_sizes()[:4] == b"II*\0"


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to("/dev/zero")
    (tmp_path / "c.png").mkdir()
    os.mkfifo(tmp_path / "d.mp4")
    for name in ("a.png", "b.png"):
        for reads in (read_rgb, image_size):
            with pytest.raises(SourceError, match=rf"{name}: is no file"):
                reads(tmp_path / name)
    with pytest.raises(OSError, match="directory"):
        read_file(tmp_path / "c.png")
    assert ImageSource("door", Address(str(tmp_path))).paths() == []
    assert ClipSource("door", Address(str(tmp_path))).paths() == []


@pytest.mark.parametrize(
    ("files", "pipe"),
    [({"classes.txt": "with_mask"}, "labels/1.txt"), ({"Annotations/2.xml": ""}, "Annotations/3.xml")],
)
def test_a_data_set_with_a_pipe_in_it_is_read(tmp_path, files, pipe):
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "1.png"), np.zeros((48, 64, 3), np.uint8))
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / pipe).parent.mkdir(exist_ok=True)
    os.mkfifo(tmp_path / pipe)
    with pytest.raises(DataError, match="no picture can be used"):
        read(tmp_path)


@pytest.mark.parametrize("number", ENDLESS)
def test_numbers_without_end_make_a_box_malformed_and_no_crash(tmp_path, number):
    for name, document in (("annotations.json", coco()), ("tasks.json", label_studio())):
        folder = tmp_path / name
        (folder / "images").mkdir(parents=True)
        for picture in ("1.png", "2.png"):
            cv2.imwrite(str(folder / "images" / picture), np.zeros((48, 64, 3), np.uint8))
        if isinstance(document, dict):
            document["annotations"][0]["bbox"][0] = number
            document["annotations"][3]["segmentation"]["size"][0] = number
            document["images"][0]["width"] = number
        else:
            region = document[0]["annotations"][0]["result"][0]
            region["value"]["x"] = number
            region["original_width"] = 0
        (folder / name).write_bytes(as_json(document))
        data = read(folder)
        assert len(data.images) == 2
        assert any("malformed" in line or "no size" in line for line in data.problems)


@pytest.mark.parametrize("names", ["{.inf: a}", "[" * 3000 + "]" * 3000, "[" + "a," * 200_000 + "]"])
def test_a_description_of_classes_that_cannot_be_meant_is_refused(tmp_path, names):
    (tmp_path / "data.yaml").write_text(f"names: {names}")
    with pytest.raises(DataError, match=r"data\.yaml: cannot be read"):
        read(tmp_path)


def zipped(path, entries, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def test_an_archive_whose_bytes_are_damaged_is_refused_by_its_name(tmp_path):
    path = zipped(tmp_path / "labels.zip", {"annotations.json": os.urandom(40).hex() * 20})
    data = bytearray(path.read_bytes())
    data[60:80] = b"\xff" * 20
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"labels\.zip: cannot be read"):
        import_labels(Queue(tmp_path / "queue"), path, None, "kim")


@pytest.mark.parametrize(
    "entries", [{"annotations.json": b"{}"}, {"annotations.json": as_json(coco()), "revisions.json": b"[]"}]
)
def test_what_is_wrong_in_an_archive_is_told_by_the_archives_name(tmp_path, entries):
    path = zipped(tmp_path / "labels.zip", entries)
    with pytest.raises(DataError, match=r"/labels\.zip/(annotations|revisions)\.json: "):
        import_labels(Queue(tmp_path / "queue"), path, None, "kim")


def test_a_file_of_millions_of_lists_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "MAX_NESTED", 1000)
    (tmp_path / "labels.json").write_bytes(b"[" + b"[]," * 1000 + b"[]]")
    with pytest.raises(
        DataError, match=r"labels\.json: annotations\.json holds more than 1000 lists; refused"
    ):
        import_labels(Queue(tmp_path / "queue"), tmp_path / "labels.json", None, "kim")


@pytest.mark.parametrize(
    "shape",
    [
        {"side_px": 100_000, "margin": 0.15, "widths": [32, 64, 96]},
        {"side_px": 64, "margin": 1e9, "widths": [32, 64, 96]},
        {"side_px": 64, "margin": float("nan"), "widths": [32, 64, 96]},
        {"side_px": 64, "margin": 0.15, "widths": [32, 64, 10**9]},
    ],
)
def test_weights_that_claim_to_be_of_another_shape_take_no_memory(tmp_path, shape, monkeypatch):
    path = tmp_path / "classifier.safetensors"
    save_network(MaskNet(Shape()), Shape(), path, {})
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    head = json.loads(data[8:end])
    head["__metadata__"]["shape"] = json.dumps(shape)
    made = json.dumps(head).encode()
    path.write_bytes(len(made).to_bytes(8, "little") + made + data[end:])
    with pytest.raises(ModelError, match=r"classifier\.safetensors: is damaged or is no classifier"):
        load_network(path, torch.device("cpu"))


FACE = {"box": [[], 1, 2, 3], "score": 1, "protected": None, "label": "unknown"}
WRONG = {
    "id": 7,
    "camera": None,
    "at": float("nan"),
    "size": [float("inf"), 1],
    "reasons": [None],
    "models": {"a": 1},
    "seq": "x",
    "faces": [FACE],
    "labels": {"faces": [], "revision": float("inf")},
}


@pytest.mark.parametrize(("key", "value"), WRONG.items(), ids=list(WRONG))
def test_a_sample_whose_record_is_spoiled_is_told_and_left_out(tmp_path, caplog, key, value):
    path = tmp_path / "queue" / "door" / "2026-11-26" / f"{RECORD['id']}.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(as_json(RECORD))
    assert read_sample(path).id == RECORD["id"]
    path.write_bytes(as_json(RECORD | {key: value}))
    with pytest.raises(QueueError, match=r"-000000\.json: cannot be read"):
        read_sample(path)
    assert Queue(tmp_path / "queue").samples() == []
    assert "left out" in caplog.text


def test_notes_of_the_program_that_are_spoiled_are_told_by_their_names(tmp_path):
    deep = as_json("@deep@")
    archive, users = Archive(tmp_path), Users(tmp_path)
    for data in (deep, b'{"a": null}', b'{"a": {"look": [1]}}'):
        for name, reads in (("parts.json", archive.assignments), ("doubted.json", archive.doubted)):
            (tmp_path / name).write_bytes(data)
            with pytest.raises(DataError, match=name):
                reads()
    account = {"name": None, "role": "admin", "made_at": "2026", "password": "x"}
    for data in (
        deep,
        as_json({"users": [account]}),
        as_json({"users": [account | {"name": "kim", "password": 1}]}),
    ):
        users.path.write_bytes(data)
        with pytest.raises(UserError, match=r"users\.json: is not a file of users"):
            users.all()
    queue = Queue(tmp_path)
    for data in (
        deep,
        as_json({"source": "a", "by": "b", "samples": [{"id": 1, "before": float("inf"), "faces": []}]}),
    ):
        (tmp_path / NAME).write_bytes(data)
        with pytest.raises(QueueError, match=NAME):
            undo_import(queue, "kim")
    (tmp_path / "current.json").write_bytes(deep)
    with pytest.raises(ModelError, match=r"current\.json: cannot be read"):
        Registry(tmp_path).state()


@pytest.mark.parametrize(
    ("memory", "rounds", "lanes"), [(2**32 - 1, 1, 1), (65_536, 2**31, 4), (3_000_000, 1, 1)]
)
def test_a_hash_that_would_take_gigabytes_or_hours_is_no_password(memory, rounds, lanes):
    account = Account("kim", Role.ADMIN, "2026", COSTLY.format(memory, rounds, lanes))
    assert not is_right_password(account, "a password that is none")


@pytest.mark.parametrize(
    ("column", "value"),
    [("data", "{"), ("data", "[]"), ("data", b"\xff"), ("at", 1e308), ("at", "x"), ("ended_at", b"x")],
)
def test_an_event_that_cannot_be_read_is_told(tmp_path, column, value):
    store = EventStore.in_folder(tmp_path)
    store.add([Event("0" * 32, EventKind.ALERT, 1e9, "door", None, {})])
    store.close()
    with sqlite3.connect(tmp_path / "events.db") as connection:
        connection.execute(f"UPDATE events SET {column} = ?", (value,))
    connection.close()
    for reads in (
        lambda: store.find(EventFilter(), limit=5),
        lambda: store.get("0" * 32),
        lambda: store.uncopied(5),
    ):
        with pytest.raises(EventError, match=r"events\.db: holds an event that cannot be read"):
            reads()
    store.close()


def test_an_event_of_a_later_release_is_not_copied_and_stops_nothing(tmp_path):
    store = EventStore.in_folder(tmp_path)
    store.add([Event(f"{n:032x}", EventKind.ALERT, 1e9, "door", None, {}) for n in range(2)])
    with sqlite3.connect(tmp_path / "events.db") as connection:
        connection.execute("UPDATE events SET kind = 'of tomorrow' WHERE id = ?", ("0" * 32,))
    connection.close()
    assert [copy.event.id for copy in store.uncopied(5)] == [f"{1:032x}"]
    assert store.count_uncopied() == 1
    store.close()


@pytest.mark.parametrize("data", [b"", b"\xff", b"{}", b'{"title": "t", "body": "b", "picture": 5}', b"[1]"])
def test_a_damaged_message_does_not_hold_up_those_behind_it(tmp_path, caplog, data):
    (tmp_path / f"{1:020d}-a.message").write_bytes(data)
    outbox = Outbox("notify", tmp_path, Limits(10, 10, 1e6), _Service("notify", "json://127.0.0.1:9/").send)
    outbox._send_first()
    assert outbox.is_empty
    assert "what was kept on disk is damaged" in caplog.text


def test_a_configuration_of_too_many_values_is_not_even_parsed(monkeypatch):
    monkeypatch.setattr(yaml_document, "_Loader", lambda _: pytest.fail("it was parsed"))
    with pytest.raises(ConfigError, match="x:1: stands for more than 20000 values"):
        parse("names: [" + "a," * 100_000 + "]", "x", {})


def test_a_configuration_that_is_no_yaml_is_told_by_who_looks_for_secrets(tmp_path):
    (tmp_path / "config.yaml").write_text("web: [")
    with pytest.raises(ConfigError, match=r"config\.yaml:1: "):
        written_secrets(tmp_path / "config.yaml")


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"<html>"), (200, b"\xff\xfe"), (200, b"[1]"), (500, b"[]"), (302, b""), (200, b"\0\0\0\x02{}")],
)
def test_a_service_that_is_none_is_told(tmp_path, status, body):
    async def ask(method, *arguments):
        client = ServiceClient(tmp_path / "service.sock")
        await client.close()
        transport = httpx.MockTransport(lambda _: httpx.Response(status, content=body))
        client._client = httpx.AsyncClient(transport=transport, base_url="http://service")
        try:
            await getattr(client, method)(*arguments)
        finally:
            await client.close()

    for method, *arguments in (("status",), ("minute", "door"), ("frame", "door", 320)):
        with pytest.raises(ServiceError, match=r"the service: (it answers what is not understood|HTTP)"):
            asyncio.run(ask(method, *arguments))


def test_a_picture_of_the_service_that_is_none_is_told():
    report = FrameReport("door", "x", 1, 1.0, (64, 48), ())
    with pytest.raises(ServiceError, match="the service's picture: "):
        annotated_jpeg(b"no picture", report, CameraView(), words_of(Texts("en")))


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "x"])
def test_a_day_that_has_no_week_is_not_said(day):
    assert Choice.of({"day": day}).day is None
    assert Choice.of({"day": "2026-11-26"}).day == datetime(2026, 11, 26, tzinfo=UTC).date()


def test_a_name_with_a_line_end_in_it_makes_no_line_of_its_own():
    name = "a\nERROR all is lost\r"
    assert as_shown(SourceError(f"{name}: is no file")) == r"maskwatch: a\nERROR all is lost\r: is no file"
    assert as_shown(ConfigError("a: wrong\nb: wrong")).count("\n") == 1
    assert list(Problems([Note(f"{name}: is missing")])) == [r"a\nERROR all is lost\r: is missing"]
    assert len(Problems(["a" * 70_000])[0]) == MAX_LINE
    record = logging.LogRecord("x", logging.WARNING, "x", 1, "%s; left out", (name,), None)
    assert (
        TextFormatter("%(levelname)s %(message)s").format(record).splitlines()[1]
        == r"    ERROR all is lost\r; left out"
    )


def test_a_name_of_a_file_and_of_a_folder_is_told(tmp_path):
    with pytest.raises(DataError, match=r"set/a(/b)?: is a file's name and a folder's"):
        write_folder([Entry("a", b""), Entry("a/b", b"")], tmp_path / "set")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", ["", ".", "a\0b", "../a.png", "/a.png"])
def test_a_picture_whose_key_is_no_name_is_left_out(tmp_path, key):
    (tmp_path / "images").mkdir()
    for name in ("1.png", "2.png"):
        cv2.imwrite(str(tmp_path / "images" / name), np.zeros((48, 64, 3), np.uint8))
    document = coco()
    document["images"][0]["key"] = key
    (tmp_path / "annotations.json").write_bytes(as_json(document))
    data = read(tmp_path)
    assert [image.path.name for image in data.images] == ["2.png"]
    assert any("lies outside the data set" in line for line in data.problems)
