"""Cameras over several cards, on a machine that pretends to have two."""

import pytest
import torch
from harness.card import pretended_card

from maskwatch.app.spread import camera_devices, spread_camera_models, spread_models
from maskwatch.config import load as configuration
from maskwatch.core.errors import ConfigError, DeviceLost
from maskwatch.models.loading import Models, pick_device, pick_devices
from maskwatch.platform import cuda

TEXT = """
device: {device}
cameras:
  door: {{source: "rtsp://192.0.2.1/a", fps: 15}}
  gate: {{source: "rtsp://192.0.2.1/b", fps: 5}}
  hall: {{source: "rtsp://192.0.2.1/c", fps: 5}}
  shop: {{source: "rtsp://192.0.2.1/d", fps: 5}}
"""


@pytest.fixture
def two_cards(monkeypatch):
    with pretended_card(monkeypatch, cards=2) as card:
        yield card
    cuda._lost.clear()


def parsed(device):
    return configuration.parse(TEXT.format(device=device), "c.yaml", {})


def lose(device):
    with pytest.raises(DeviceLost, match="device: cuda:1 is given up"), cuda.noticing_loss(device):
        raise torch.AcceleratorError("CUDA error: unspecified launch failure")


def names(devices):
    return [str(device) for device in devices]


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("cuda", ["cuda:0", "cuda:1"]),
        ("auto", ["cuda:0", "cuda:1"]),
        ("cuda:1", ["cuda:1"]),
        ("[cuda:1, cuda:0]", ["cuda:1", "cuda:0"]),
        ("cpu", ["cpu"]),
    ],
)
def test_a_configuration_names_all_cards_or_some(two_cards, device, expected):
    config = parsed(device)
    assert names(pick_devices(config.device)) == expected
    assert str(pick_device(config.device)) == expected[0]


def test_a_card_that_is_not_there_is_refused(two_cards):
    with pytest.raises(ConfigError, match="cuda:2 is asked for, but cards here are 2"):
        pick_devices("cuda:0,cuda:2")
    with pytest.raises(ConfigError, match="device: must be auto, cpu, cuda, or cards like"):
        pick_devices("cuda0")


def test_cameras_are_spread_by_their_frames_a_second(two_cards):
    config = parsed("cuda")
    of = camera_devices(config.cameras, pick_devices(config.device))
    assert {name: str(device) for name, device in of.items()} == {
        "door": "cuda:0",
        "gate": "cuda:1",
        "hall": "cuda:1",
        "shop": "cuda:1",
    }


def test_each_card_has_its_models_and_what_a_lost_one_had_goes_to_the_other(two_cards):
    config, loaded = parsed("cuda"), []

    def load(device):
        loaded.append(str(device))
        return Models(device)

    models = spread_models(config, load)
    assert loaded == ["cuda:0", "cuda:1"]
    assert models["gate"] is models["shop"] is not models["door"]
    lose(torch.device("cuda", 1))
    assert {str(each.device) for each in spread_models(config, load).values()} == {"cuda:0"}
    cuda._lost.add(0)
    left = spread_camera_models(config, load)
    assert {each.device for each in left.values()} == {"cpu"}
    assert loaded[2:] == ["cuda:0", "cpu"]
