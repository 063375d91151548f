"""Distributes cameras over several graphics cards."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import torch

from maskwatch.config.load import Config
from maskwatch.config.sections import CameraConfig
from maskwatch.core.records import Rgb
from maskwatch.models.loading import Models, camera_models, pick_devices
from maskwatch.pipeline.camera import CameraModels


def camera_devices(
    cameras: Mapping[str, CameraConfig], devices: Sequence[torch.device]
) -> dict[str, torch.device]:
    """The device of each camera: in order of falling frame rate, each goes to the device with the fewest frames a second so far."""
    load = dict.fromkeys(devices, 0.0)
    chosen = {}
    for name, camera in sorted(cameras.items(), key=lambda item: -item[1].fps):
        device = min(devices, key=load.__getitem__)
        load[device] += camera.fps
        chosen[name] = device
    return chosen


def spread_models(config: Config, load: Callable[[torch.device], Models]) -> dict[str, Models]:
    """The models of each camera, loaded once on each device that is to be used and is not lost."""
    of = camera_devices(config.cameras, pick_devices(config.device))
    loaded = {device: load(device) for device in dict.fromkeys(of.values())}
    return {name: loaded[of[name]] for name in config.cameras}


def spread_camera_models(
    config: Config, load: Callable[[torch.device], Models], images: Sequence[Rgb] = ()
) -> dict[str, CameraModels]:
    """As `camera_models`, over the devices. Raises `ModelError`, and `DeviceLost` where a card is lost meanwhile."""
    shares: dict[Models, dict[str, CameraConfig]] = defaultdict(dict)
    for name, models in spread_models(config, load).items():
        shares[models][name] = config.cameras[name]
    result: dict[str, CameraModels] = {}
    for models, share in shares.items():
        result |= camera_models(share, models, images)
    return result
