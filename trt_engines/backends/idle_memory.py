"""Returns memory that a service without sessions does not use to the system.

A start and runs leave three kinds behind: what ONNX Runtime keeps for the intermediate values of
the next run, free pages of the heap, and pages of mapped files, which are weights and libraries.
What is used next is taken again, in milliseconds: pages of files from the system's cache of files.
"""

import ctypes
import logging
import os
import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from models.memory.kv_store.malloc_trim import release_free_memory
from trt_engines.backends.onnx_runtime import session_options
from trt_engines.backends.onnx_session import open_session

logger = logging.getLogger(__name__)

# y = x, of one number; ONNX Runtime has no call that shrinks its arena, but each run can.
IDENTITY = (
    b'\x08\x08:7\n\x10\n\x01x\x12\x01y"\x08Identity\x12\x01gZ\x0f\n\x01x\x12\n\n\x08\x08\x01\x12'
    b"\x04\n\x02\x08\x01b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01B\x04\n\x00\x10\r"
)
SPLIT = re.compile(r"\n(?=[0-9a-f]+-)")  # between two mappings in /proc/self/smaps
MAPPING = re.compile(
    r"(?P<start>[0-9a-f]+)-(?P<end>[0-9a-f]+) (?P<rights>r\S*p) \S+ \S+ \S+ +(?P<path>/.*)\n"
    r"(?:.*\n)*?Rss: +(?P<resident>\d+) kB\n(?:.*\n)*?Anonymous: +(?P<own>\d+) kB"
)
DROP = 4  # MADV_DONTNEED


def release_idle_memory() -> None:
    """Return what is not used now; while networks run, they take it again at once."""
    _shrink_arena()
    release_free_memory()
    if sys.platform == "linux":
        drop_file_pages()


def _shrink_arena() -> None:
    options = onnxruntime.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    _identity().run(["y"], {"x": np.zeros(1, np.float32)}, options)


@lru_cache(maxsize=1)
def _identity() -> Any:  # onnxruntime has no annotations
    return open_session(IDENTITY, torch.device("cpu"), options=session_options(1))


def drop_file_pages() -> int:
    """Give up the pages of mapped files that the process has read; return how many bytes."""
    libc, dropped = ctypes.CDLL(None, use_errno=True), 0
    for start, size, resident in _unwritten():
        if libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), DROP) == 0:
            dropped += resident
        else:
            logger.warning("pages stay in memory: %s", os.strerror(ctypes.get_errno()))
    return dropped


def _unwritten() -> Iterator[tuple[int, int, int]]:
    """Return address, size and resident bytes of mappings of files that are as in the files.

    One that was written to has pages of its own, which would be lost. So would what another thread
    writes at this moment: variables of programs and libraries are left alone.
    """
    found = [match for each in _mappings() if (match := MAPPING.match(each)) is not None]
    programs = {match["path"] for match in found if "x" in match["rights"]}
    for match in found:
        variables = "w" in match["rights"] and match["path"] in programs
        if match["own"] == "0" and not variables:
            start, end = int(match["start"], 16), int(match["end"], 16)
            yield start, end - start, 1024 * int(match["resident"])


def _mappings() -> Iterator[str]:
    """Return the lines of smaps of each mapping."""
    return iter(SPLIT.split(Path("/proc/self/smaps").read_text()))
