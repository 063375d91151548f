import pytest
from harness.receivers import Receiver

from maskwatch.alerts import outbox


@pytest.fixture
def quick(monkeypatch):
    """An outbox tries again at once."""
    monkeypatch.setattr(outbox, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(outbox, "LONGEST_PAUSE_S", 0.1)


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver
