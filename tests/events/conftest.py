"""What the tests of events share."""

import pytest

from maskwatch.pipeline.status_board import Board


@pytest.fixture
def board():
    return Board(["door"])
