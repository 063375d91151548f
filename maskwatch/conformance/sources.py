"""What a source must do: see `maskwatch.core.ports` for the methods."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice, pairwise
from pathlib import Path

import pytest

from maskwatch.conformance.settings import require_sound_settings
from maskwatch.core.errors import SourceError
from maskwatch.core.ports import Source
from maskwatch.core.records import Frame
from maskwatch.plugins import KindSettings

CAMERA = "door"


class SourceContract:
    """A source opens with the first frame that is asked for, and gives frames of its camera in order.

    Frames are RGB, numbered upwards; their times do not run backwards. An iterator that is closed has let go of the
    device: `frames` can be called again. A source that is not live ends when all is shown, and shows the same again; a
    live one ends with `SourceError` alone. What cannot be opened is a `SourceError` that names the source. Neither
    `name` nor an error shows a password. `expected` opens nothing for long, and is None or a count.
    """

    password: str | None = None
    """What stands as the password in the source's address, if anything does."""

    def settings(self, tmp_path: Path) -> KindSettings:
        """Its settings."""
        raise NotImplementedError

    def make(self, tmp_path: Path) -> Source:
        """A source of at least three frames, as your `build` makes it for a camera that is called `CAMERA`."""
        raise NotImplementedError

    def make_broken(self, tmp_path: Path) -> Source:
        """One that cannot be opened."""
        raise NotImplementedError

    @contextmanager
    def shown(self, _tmp_path: Path) -> Iterator[None]:
        """While the block runs there is something to see; for what needs a server say."""
        yield

    def test_its_settings_are_a_kinds(self, tmp_path: Path) -> None:
        """The settings pass `require_sound_settings`."""
        require_sound_settings(self.settings(tmp_path))

    def test_frames_are_of_the_camera_and_in_order(self, tmp_path: Path) -> None:
        """Three frames are of `CAMERA`, contiguous, with rising `seq`, and `at` does not run backwards."""
        frames = self._first(tmp_path, 3)
        assert len(frames) == 3
        assert all(isinstance(frame, Frame) and frame.camera == CAMERA for frame in frames)
        assert all(before.seq < after.seq for before, after in pairwise(frames))
        assert all(before.at <= after.at for before, after in pairwise(frames))
        assert all(frame.rgb.flags.c_contiguous for frame in frames)

    def test_a_closed_source_can_be_opened_again(self, tmp_path: Path) -> None:
        """After closing the iterator, `frames` can be called again."""
        with self.shown(tmp_path):
            source = self.make(tmp_path)
            for _ in range(2):
                with closing(source.frames()) as frames:
                    assert next(frames).rgb.size

    def test_its_end_is_that_of_its_sort(self, tmp_path: Path) -> None:
        """A source that is not live ends, and shows the same frames when it is opened again."""
        with self.shown(tmp_path):
            source = self.make(tmp_path)
            if source.live:
                return  # a camera may go on for ever
            first, second = ([frame.seq for frame in source.frames()] for _ in range(2))
        assert first == second

    def test_what_cannot_be_opened_is_an_error(self, tmp_path: Path) -> None:
        """A broken source raises `SourceError` at its first frame, with its name and without the password."""
        source = self.make_broken(tmp_path)
        frames = source.frames()  # nothing is opened yet
        with pytest.raises(SourceError) as caught:
            next(frames)
        assert source.name in str(caught.value)
        assert self.password is None or self.password not in str(caught.value)

    def test_its_name_shows_no_password(self, tmp_path: Path) -> None:
        """`name` is a text, not empty; neither it nor the settings' `repr` has the password."""
        name = self.make(tmp_path).name
        assert isinstance(name, str)
        assert name
        assert self.password is None or self.password not in name
        assert self.password is None or self.password not in repr(self.settings(tmp_path))

    def test_what_to_expect_is_a_count_or_unknown(self, tmp_path: Path) -> None:
        """`expected` is None or above 0."""
        with self.shown(tmp_path):
            expected = self.make(tmp_path).expected()
        assert expected is None or expected > 0

    def _first(self, tmp_path: Path, count: int) -> list[Frame]:
        with self.shown(tmp_path), closing(self.make(tmp_path).frames()) as frames:
            return list(islice(frames, count))
