"""A fleet's folder, keys, and registries whose versions are a few bytes: nothing here is loaded as weights."""

import threading
from datetime import timedelta

import pytest

from maskwatch.fleet.member import Judgement, Member, Membership
from maskwatch.fleet.publish import Publisher
from maskwatch.fleet.share import open_share
from maskwatch.fleet.signing import make_key, read_private, read_public
from maskwatch.fleet.stages import is_in_tenth
from maskwatch.fleet.switch import Switch
from maskwatch.models.registry import CLASSIFIER, DETECTOR, Registry, Version
from maskwatch.pipeline.status_board import Board
from maskwatch.platform.clock import utc_now

V1, V2 = "v1", "v2"
WATCHED = timedelta(hours=48)


def member_names(version, count, *, is_in):
    """Names of services that are, or are not, of the tenth of a version."""
    found = (name for name in (f"shop {n}" for n in range(1000)) if is_in_tenth(version, name) is is_in)
    return [next(found) for _ in range(count)]


def add(registry, version, folder, size=3000):
    """A version of a few bytes."""
    folder.mkdir(exist_ok=True, parents=True)
    files = {}
    for name in (DETECTOR, CLASSIFIER, "detector.md"):
        path = folder / f"{version} {name}"
        path.write_bytes(f"{version} {name} ".encode() * (size // 20))
        files[name] = path
    registry.add(files, Version(version, "shipped", utc_now(), ("20260101T000000Z-door",), {"gain": 0.1}))


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    """Two private keys: the fleet's, and that of somebody else."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("ours", "theirs"):
        make_key(folder / name, None)
    return folder


@pytest.fixture
def source(tmp_path):
    """The registry that versions are published from."""
    registry = Registry(tmp_path / "source")
    for version in (V1, V2):
        add(registry, version, tmp_path / "weights")
    return registry


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "fleet"
    folder.mkdir()
    return folder


@pytest.fixture
def publisher(folder, keys):
    return Publisher(folder, read_private(keys / "ours", None))


class Service:
    """A member whose judgement the test gives: `why_not` and `why_back` are what it says next."""

    def __init__(self, name, folder, address, keys, *, max_bytes=1_000_000, cameras=("door",)):
        self.name = name
        self.registry = Registry(folder / "models")
        self.why_not = self.why_back = None
        self.asked, self.tried = [], None
        self.switch = Switch(self.registry, WATCHED)
        judgement = Judgement(
            self._why_not, lambda taken: self.why_back, lambda: {"door": "d c"}, lambda: self.tried
        )
        trusted = read_public(str(keys / "ours.pub"))
        membership = Membership(name, open_share(str(address)), trusted, cameras, max_bytes, 20, "0.1.0", 300)
        self.member = Member(membership, self.switch, judgement)

    def _why_not(self, version):
        self.asked.append(version)
        return self.why_not

    def look(self):
        """As the thread does, but what is refused is raised."""
        self.member.watch()
        self.member.follow()
        self.member.report()
        return self.serving

    @property
    def serving(self):
        return self.registry.state().serving


class Watched:
    """What a follower needs of a pipeline."""

    def __init__(self):
        self.board = Board(["door"])
        self.failed = threading.Event()

    def fail(self, error):
        self.error = error
        self.failed.set()

    @property
    def notice(self):
        return "; ".join(self.board.snapshot().notices.values()) or None


@pytest.fixture
def service(tmp_path, folder, keys):
    """Makes services that pull from the fleet's folder, or from another address."""

    def make(name="shop", address=folder, state=None, **options):
        return Service(name, tmp_path / f"service {state or name}", address, keys, **options)

    return make
