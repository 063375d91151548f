"""What the commands of `maskwatch bench` share."""

from pathlib import Path

from maskwatch.core.errors import ConfigError


def numbers(option: str, text: str) -> list[float]:
    """Numbers from 1 on with commas between. Raises `ConfigError`, naming the option."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        raise ConfigError(f"{option}: must be numbers with commas between, got {text!r}") from None
    if min(numbers) < 1:
        raise ConfigError(f"{option}: must be at least 1, got {text!r}")
    return numbers


def machine(device: str) -> str:
    """The card's or the processor's name, and torch's version; `device` is cuda or cpu."""
    import os
    import platform

    import torch

    if device == "cuda":
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    models = (
        [
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ]
        if Path("/proc/cpuinfo").exists()
        else []
    )
    return (
        f"{models[0] if models else platform.processor()}, {os.cpu_count()} cores, torch {torch.__version__}"
    )
