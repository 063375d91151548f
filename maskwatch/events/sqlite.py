"""SQLite: one file, which survives a SIGKILL and a power cut, shrinks again, and may be read while it is written."""

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, inspect
from sqlalchemy.exc import SQLAlchemyError

from maskwatch.core.errors import EventError
from maskwatch.events.schema import OWN
from maskwatch.platform.clock import utc_now
from maskwatch.platform.files import make_file, make_folder

FILE = "events.db"
SUFFIXES = ("", "-wal", "-shm")  # of the files of one database
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
DAMAGED_SINCE = "%Y%m%dT%H%M%S.%fZ"  # in the name of a database that was put aside
BUSY_S = 10  # how long to wait for another process that writes
WAL_BYTES = 4_194_304  # what the journal is cut down to again
PRAGMAS = (
    "auto_vacuum = INCREMENTAL",  # before the first table; else the file never shrinks
    "journal_mode = WAL",
    "synchronous = FULL",  # what is written survives a power cut
    "secure_delete = ON",  # what is deleted is gone from the file
    f"journal_size_limit = {WAL_BYTES}",
)


def engine_at(path: Path) -> Engine:
    """For a file that need not exist yet."""
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_S})
    event.listen(engine, "connect", _prepare)
    return engine


def create_tables(engine: Engine, path: Path) -> int:
    """Create the file and its tables where they are missing; returns the file's inode. Raises `OSError`, and as SQLAlchemy does."""
    make_folder(path.parent)
    make_file(path)
    inode = path.stat().st_ino
    with engine.connect() as connection:
        if set(OWN.tables) <= set(inspect(connection).get_table_names()):
            return inode
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # the console may do the same at this moment
        OWN.create_all(connection)
        connection.commit()
    return inode


def inode(path: Path) -> int | None:
    """Of the file, None where it is not there or cannot be seen."""
    with suppress(OSError):
        return path.stat().st_ino
    return None


def is_damaged(error: SQLAlchemyError) -> bool:
    """Whether it says that the file is damaged, and not that it is locked, full or forbidden."""
    code = getattr(error.__cause__, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in DAMAGED


def put_aside(path: Path) -> Path:
    """Rename a damaged database's files, so that a new one can be created; returns the new path. Raises `EventError`."""
    aside = path.with_name(f"{path.name}.damaged-{utc_now():{DAMAGED_SINCE}}")
    try:
        for suffix in SUFFIXES:
            with suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    except OSError as e:
        raise EventError(f"events: {path}: is damaged and cannot be put aside: {e.strerror}") from e
    return aside


def damaged_files(path: Path) -> list[Path]:
    """All files of databases that `put_aside` has renamed."""
    return sorted(path.parent.glob(f"{path.name}.damaged-*"))


def _prepare(connection: Any, _: object) -> None:
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
