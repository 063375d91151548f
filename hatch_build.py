"""Puts the list of what a release is made of (SBOM) into its wheel, where PEP 770 looks for it.

`nox -s release` makes it; a wheel that is built otherwise has none.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SBOM = "dist/maskwatch.cdx.json"


class SbomHook(BuildHookInterface):
    """Asked by hatchling while a wheel is built."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the file, where it is there."""
        if version == "standard" and (Path(self.root) / SBOM).is_file():
            build_data["sbom_files"].append(SBOM)
