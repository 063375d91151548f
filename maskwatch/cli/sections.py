"""Which sections of the configuration each command uses: in the others, a password that is not there is no problem."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maskwatch.config.load import Config

PLACES = {"ignore", "zones", "lines"}
LOOKING = {"detect", "motion", "classify", "device"}

# `run` and `check` use everything, the cameras' sources too
USES = {
    "status": {"web"},
    "queue": {"queue"},
    "queue review": {"queue", "console", *LOOKING},
    "users": {"console"},
    "events": {"events"},
    "console": {"console", "console.store", "events", "queue", "privacy", *PLACES, *LOOKING},
    "console --store": {"console", "events", "queue"},
    "models": {"models"},
    "fleet publish": {"models"},
    "fleet follow": {"models", "fleet"},
    "models shadow": {"models", "queue", "learn"},
    "erase": {"queue", "learn", "events", "drift", "alert", "console"},
    "erase shared": {"queue", "learn", "events", "events.url", "drift", "alert", "console"},
    "drift": {"drift", "learn", "queue", "models", *LOOKING},
    "learn": {"drift", "learn", "queue", "models", *LOOKING},
    "evaluate": {"models", *LOOKING},
    "evaluate system": {"alert", "models", *PLACES, *LOOKING},
    "bench system": {"fps", "alert", *PLACES, *LOOKING},
    "bench queue": {"queue", "models", *LOOKING},
    "archive": {"fps", "aspect", "privacy", "alert", "queue", "models", "events", *PLACES, *LOOKING},
    "replay": {"fps", "aspect", "privacy", "alert", "queue", "models", *PLACES, *LOOKING},
}


def settings_for(command: str, config: Path | None) -> "Config":
    """What a command of `USES` needs of a file; without one, what holds by default."""
    from maskwatch.config import load as configuration

    return configuration.load(config, USES[command]) if config else configuration.default()
