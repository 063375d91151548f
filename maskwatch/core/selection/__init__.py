"""Which frames are worth a person's look, and why: a small module a reason, the quotas, and `Selection` over them.

`reasons` names them all; `selection` holds `Selection`, one for a camera.
"""

from maskwatch.core.selection.selection import Pick, Selection

__all__ = ["Pick", "Selection"]
