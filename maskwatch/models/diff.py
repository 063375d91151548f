"""How much the weights of two versions differ."""

import torch

from maskwatch.classify.network import load_network
from maskwatch.detect.weights import load_detector
from maskwatch.models.registry import ModelFiles


def moved(a: ModelFiles, b: ModelFiles) -> dict[str, float | None]:
    """For each network, the length of the change as a share of the weights' own; None where the shapes differ."""
    one, other = load_detector(a.detector), load_detector(b.detector)
    result = {
        name: _change(getattr(one, attribute), getattr(other, attribute))
        for name, attribute in (("P-Net", "pnet"), ("R-Net", "rnet"), ("O-Net", "onet"))
    }
    cpu = torch.device("cpu")
    result["classifier"] = _change(load_network(a.classifier, cpu)[0], load_network(b.classifier, cpu)[0])
    return result


def _change(a: torch.nn.Module, b: torch.nn.Module) -> float | None:
    one, other = (dict(network.named_parameters()) for network in (a, b))
    if {name: p.shape for name, p in one.items()} != {name: p.shape for name, p in other.items()}:
        return None
    before = torch.cat([p.detach().flatten() for p in one.values()])
    after = torch.cat([other[name].detach().flatten() for name in one])
    return float((after - before).norm() / before.norm())
