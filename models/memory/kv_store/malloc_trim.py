"""What was freed, back to the system.

Blocks of hundreds of kilobytes come and go for hours, and small things stay between them: the
heap is then full of holes that nothing fits, and the process grows by a third of all that it
ever spilled. The C library can hand the pages of such holes back.
"""

import ctypes


def release_free_memory() -> None:
    """Hand free pages back to the system, in milliseconds; without glibc, do nothing."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
