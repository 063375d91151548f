"""The small JSON files in a queue's folder: one that is damaged is an error that names it, never a traceback."""

import pytest

from maskwatch.core.errors import QueueError
from maskwatch.samples import erase, export_notes, import_journal, people, team
from maskwatch.samples.json_file import write_json
from maskwatch.samples.store import Queue

READERS = {
    "team": (team.NAME, team.read_team),
    "exports": (export_notes.NAME, export_notes.read_exports),
    "pseudonyms": (people.NAME, people.noted),
    "import, when names go": (import_journal.NAME, lambda queue: people.leave_team(queue, {"kim": "person"})),
    "import, when samples go": (import_journal.NAME, lambda queue: erase.forget_import(queue, ["1"])),
    "import, when it is undone": (
        import_journal.NAME,
        lambda queue: import_journal.undo_import(Queue(queue), "kim"),
    ),
}


@pytest.mark.parametrize("reader", list(READERS))
@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"{}", b"[" * 100_000], ids=range(5))
def test_a_damaged_file_is_named(tmp_path, reader, content):
    name, read = READERS[reader]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(QueueError, match=f"{name}: cannot be read"):
        read(tmp_path)


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(QueueError, match=r"queue: .*file"):
        write_json(tmp_path / "file" / "team.json", {})
