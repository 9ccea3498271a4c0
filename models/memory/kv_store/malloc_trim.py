"""Returns free heap pages to the operating system.

Blocks of hundreds of kilobytes are allocated and freed for hours, with small objects between
them. The heap then has holes that no block fits into, and the process grows by a third of all
bytes that it has spilled. glibc's `malloc_trim` returns the pages of these holes.
"""

import ctypes


def release_free_memory() -> None:
    """Return free pages to the system, in milliseconds; without glibc, do nothing."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
