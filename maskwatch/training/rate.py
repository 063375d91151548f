"""How many pictures a training takes a second."""

import time


class Rate:
    """Counts from its making on."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._count = 0

    def count(self, pictures: int) -> None:
        """So many more are learnt from."""
        self._count += pictures

    def per_s(self) -> float:
        """Pictures a second until now."""
        return self._count / max(1e-9, time.perf_counter() - self._began)
