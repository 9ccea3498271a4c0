"""A process that decodes image files, so that no file can harm the service.

It reads requests from standard input and writes a reply to each to standard output, until the
input ends. Its memory is limited on Linux. The process that started it limits the time.

| | header | then |
|---|---|---|
| request | length of the file, longest and shortest side of the result, 0 | the file |
| request for a look | length of the file, 0, 0, a sum of LOOK and others | the file |
| reply | 0, height, width, code points of its colors | the pixels, RGB |
| reply | 2, length of the look, what it was cut by | the look, a WebP file |
| reply | 1, length of the message, 0, 0, 0 | the message of an UnreadableMediaError, UTF-8 |
"""

import struct
import sys
from typing import BinaryIO

from media.errors import UnreadableMediaError
from media.images.decoding import DecodedImage, decode_image
from media.images.look_file import LookPlan
from media.sizes import SizeLimits
from models.generation.own_look import CUTS
from models.memory.kv_store.malloc_trim import release_free_memory

REQUEST = struct.Struct("<QIIB")
REPLY = struct.Struct("<BIIHH")
DECODED, UNREADABLE, CUT = 0, 1, 2
MEGABYTE = 1 << 20


def serve(requests: BinaryIO, replies: BinaryIO, max_pixels: int) -> None:
    """Answer `requests` until they end."""
    while len(header := requests.read(REQUEST.size)) == REQUEST.size:
        length, longer, shorter, look = REQUEST.unpack(header)
        data = requests.read(length)
        if len(data) < length:
            return
        try:
            if look:
                replies.write(_look(data, LookPlan.unpacked(look), max_pixels))
            else:
                limits = SizeLimits(longer=longer, shorter=shorter)
                _write(decode_image(data, limits, max_pixels), replies)
        except UnreadableMediaError as error:
            message = str(error).encode()
            replies.write(REPLY.pack(UNREADABLE, len(message), 0, 0, 0) + message)
        replies.flush()
        release_free_memory()


def _look(data: bytes, plan: LookPlan, max_pixels: int) -> bytes:
    """Return the reply to a request for a look."""
    from media.images.look_cutting import read_look  # NumPy, which other requests do not need

    look = read_look(data, plan, max_pixels)
    return REPLY.pack(CUT, len(look.file), CUTS.index(look.by), 0, 0) + look.file


def _write(decoded: DecodedImage, replies: BinaryIO) -> None:
    """Write the reply with an image; its pixels are not copied into a larger one."""
    image, colors = decoded.image, (decoded.primaries, decoded.transfer)
    replies.write(REPLY.pack(DECODED, image.height, image.width, *colors))
    replies.write(image.tobytes())


def limit_memory(megabytes: int) -> None:
    """Let allocations above `megabytes` fail, on Linux: macOS does not enforce the limit."""
    if sys.platform != "linux":
        return
    import resource  # not on Windows

    limit = megabytes * MEGABYTE
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


if __name__ == "__main__":
    max_pixels, megabytes = (int(argument) for argument in sys.argv[1:])
    limit_memory(megabytes)
    serve(sys.stdin.buffer, sys.stdout.buffer, max_pixels)
