"""Whether this process can still get memory and threads, which every camera takes that is opened."""

import threading

from maskwatch.core.errors import OutOfResources

SPARE_BYTES = 64 << 20  # less than a connection takes: decoder, its threads' stacks, and frames


def require_resources() -> None:
    """Raises `OutOfResources` when it gets no more memory, or no more threads; asks for both, and gives them back."""
    try:
        bytearray(SPARE_BYTES)
        thread = threading.Thread(target=lambda: None, name="resources")
        thread.start()
    except (MemoryError, RuntimeError) as e:  # "can't start new thread" is a RuntimeError
        what = str(e) or "no memory"
        raise OutOfResources(f"this process gets no more memory or threads ({what}), a new one may") from e
    thread.join()
