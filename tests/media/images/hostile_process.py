"""A decoding process that some files crash or stop, as a fault in a library could."""

import os
import signal
import sys

from media.images import decoder_process, decoding
from media.sizes import SizeLimits


def decode_image(data: bytes, limits: SizeLimits, max_pixels: int) -> object:
    if data == b"crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if data == b"hang":
        while True:
            signal.pause()
    return decoding.decode_image(data, limits, max_pixels)


if __name__ == "__main__":
    vars(decoder_process)["decode_image"] = decode_image
    decoder_process.serve(sys.stdin.buffer, sys.stdout.buffer, int(sys.argv[1]))
