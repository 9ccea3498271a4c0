"""Decodes image files of clients in processes of their own, which are limited in time and memory.

A file that crashes its process, or takes too long, is an error for its client and harms nobody
else. The processes start at the first image: each takes 0.2 s to start and about 40 MB.
"""

import logging
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from media.errors import UnreadableMediaError
from media.images.decoder_process import CUT, DECODED, REPLY, REQUEST
from media.images.formats import ImageLimits
from media.images.look_file import LookFile, LookPlan
from media.sizes import SizeLimits
from media.tone_mapping import coding_of, to_srgb
from media.worker import Worker
from models.generation.own_look import CUTS

Pixels = NDArray[np.uint8]
logger = logging.getLogger(__name__)

MODULE = "media.images.decoder_process"
NO_ROOM = "the service has no room to decode an image now: send it again later"
ROOT = Path(__file__).parent.parent.parent  # where `media` is imported from


class ImageDecoder:
    """A pool of decoding processes."""

    def __init__(self, limits: ImageLimits | None = None) -> None:
        self._limits = limits or ImageLimits()
        self._worker = Worker("images", threads=self._limits.processes)
        self._lock = threading.Lock()
        self._idle: list[_Process] = []
        self._running: set[_Process] = set()
        self._closed = False

    async def read(self, file: bytes, limits: SizeLimits | None = None) -> Pixels:
        """Decode an image file: upright, uint8 (height, width, 3) sRGB, within `limits`.

        Transparent parts are white. Of an animation it is the first frame.

        Raises:
            UnreadableMediaError: not an image of a format that is taken, damaged, too large, or
                too slow to decode.
        """
        decoded = await self._worker.run(self._decode, file, _request(file, limits))
        assert not isinstance(decoded, LookFile)
        return decoded

    async def read_look(self, file: bytes, plan: LookPlan) -> LookFile:
        """Cut the thing out of an image file, or take a background.

        Raises:
            UnreadableMediaError: as of `read`, or nothing of it is opaque.
        """
        request = REQUEST.pack(len(file), 0, 0, plan.packed)
        look = await self._worker.run(self._decode, file, request)
        assert isinstance(look, LookFile)
        return look

    def close(self) -> None:
        """End the processes; images that are being decoded are given up."""
        with self._lock:
            self._closed = True
            processes = [*self._idle, *self._running]
        for process in processes:
            process.kill()
        self._worker.close()

    def _decode(self, file: bytes, request: bytes) -> Pixels | LookFile:
        """Decode on a process. One that ended before, for whatever reason, is replaced once."""
        for attempt in range(2):
            process = self._take()
            pixels = process.decode(file, request, self._limits.timeout)
            if pixels is not None:
                self._give_back(process)
                if isinstance(pixels, UnreadableMediaError):
                    raise pixels
                return pixels
            self._discard(process)
            if process.timed_out:
                raise UnreadableMediaError(
                    f"an image that takes more than {self._limits.timeout:g} s to decode: "
                    "send a smaller one"
                )
            if attempt:
                logger.warning("an image ended its decoder with status %s", process.status)
        raise UnreadableMediaError("not a readable image: its decoder failed")

    def _take(self) -> "_Process":
        with self._lock:
            if self._closed:
                raise UnreadableMediaError("the service ends")
            try:
                process = self._idle.pop() if self._idle else _Process(self._limits)
            except OSError as error:
                logger.warning("no process to decode an image: %s", error)
                raise UnreadableMediaError(NO_ROOM) from error
            self._running.add(process)
            return process

    def _give_back(self, process: "_Process") -> None:
        with self._lock:
            self._running.discard(process)
            self._idle.append(process)

    def _discard(self, process: "_Process") -> None:
        with self._lock:
            self._running.discard(process)
        process.kill()


class _Process:
    """One decoding process; `status` is its exit status once it has ended."""

    def __init__(self, limits: ImageLimits) -> None:
        self.timed_out = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", MODULE, str(limits.pixels), str(limits.memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # libraries write a line for each odd tag of a file
            cwd=ROOT,
            process_group=0,  # Ctrl-C is for the service, which ends its processes
        )

    @property
    def status(self) -> int | None:
        return self._process.returncode

    def decode(
        self, file: bytes, request: bytes, timeout: float
    ) -> Pixels | LookFile | UnreadableMediaError | None:
        """Return what is in `file`, or what is wrong with it; None if the process ended."""
        assert self._process.stdin is not None
        watchdog = threading.Timer(timeout, self._time_out)
        try:
            watchdog.start()
            self._process.stdin.write(request)
            self._process.stdin.write(file)
            self._process.stdin.flush()
            return self._reply()
        except (OSError, ValueError):  # a broken pipe, or closed with the decoder
            return None
        except (MemoryError, RuntimeError) as error:  # no room for its pixels, or a thread
            logger.warning("no room to decode an image: %s", error)
            self._process.kill()  # it may have written a part of its answer
            return UnreadableMediaError(NO_ROOM)
        finally:
            watchdog.cancel()

    def kill(self) -> None:
        """End the process, and wait until it has."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(OSError):  # what was not written yet cannot be any more
                pipe.close()

    def _reply(self) -> Pixels | LookFile | UnreadableMediaError | None:
        assert self._process.stdout is not None
        header = self._process.stdout.read(REPLY.size)
        if len(header) < REPLY.size:
            return None
        kind, first, second, primaries, transfer = REPLY.unpack(header)
        size = first * second * 3 if kind == DECODED else first
        body = self._process.stdout.read(size)
        if len(body) < size:
            return None
        if kind == CUT:
            return LookFile(body, CUTS[second])
        if kind == DECODED:
            pixels = np.frombuffer(bytearray(body), np.uint8).reshape(first, second, 3)
            coding = coding_of(primaries, transfer)
            return to_srgb(pixels * np.uint16(257), *coding) if coding else pixels
        return UnreadableMediaError(body.decode())

    def _time_out(self) -> None:
        self.timed_out = True
        self._process.kill()


def _request(file: bytes, limits: SizeLimits | None) -> bytes:
    most = limits or SizeLimits()
    return REQUEST.pack(len(file), most.longer, most.shorter, 0)
