"""Pictures of what a session saw: of the last looks, and of all remembered moments.

They are for a model that looks at pictures when a question is asked. Those of moments go to a
folder, if there is one, so that hours of them take no RAM.
"""

import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from media.images.encoding import Pixels, encode_jpeg
from media.sizes import SizeLimits
from media.video import resize

FOLDER = "pictures"
RAM_SPACE = 16 << 20  # bytes, without a folder
RECENT = 16  # looks: one may be remembered some looks later


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureLimits:
    """Pictures have at most `side` pixels along the longer side, all together `space` bytes."""

    side: int = 512
    space: int = 256 << 20


class PictureLog:
    """JPEG files by their time in seconds, of one session; the oldest go first.

    One thread adds pictures while others may read them. Pictures that `folder` has are there again;
    without a folder they are in RAM.
    """

    def __init__(self, folder: Path | None, limits: PictureLimits) -> None:
        self._folder = folder
        self._size = SizeLimits(longer=limits.side, shorter=limits.side)
        self._space = limits.space if folder is not None else min(limits.space, RAM_SPACE)
        self._lock = threading.Lock()
        self._recent: deque[tuple[float, bytes]] = deque(maxlen=RECENT)
        self._in_ram: dict[int, bytes] = {}
        self._sizes = {} if folder is None else _stored(folder)  # by milliseconds, oldest first
        self._used = sum(self._sizes.values())

    def add_look(self, pixels: Pixels, time: float) -> None:
        """Add a look, uint8 (height, width, 3) RGB; it is forgotten unless it is kept soon."""
        jpeg = encode_jpeg(resize(pixels, self._size))
        with self._lock:
            self._recent.append((time, jpeg))

    def keep(self, time: float) -> None:
        """Keep the picture of the look at `time`, which is remembered.

        Raises:
            OSError: it cannot be written.
        """
        with self._lock:
            jpeg = next((jpeg for each, jpeg in self._recent if each == time), None)
            if jpeg is None:
                return
            key = _key(time)
            if self._folder is None:
                self._in_ram[key] = jpeg
            else:
                self._folder.mkdir(parents=True, exist_ok=True)
                _file(self._folder, key).write_bytes(jpeg)
            self._used += len(jpeg) - self._sizes.get(key, 0)
            self._sizes[key] = len(jpeg)
            self._make_room()

    def at(self, time: float) -> bytes | None:
        """Return the picture of the moment or look at `time`, None if there is none any more."""
        key = _key(time)
        with self._lock:
            recent = next((jpeg for each, jpeg in self._recent if _key(each) == key), None)
            if recent is not None or self._folder is None:
                return recent or self._in_ram.get(key)
        with suppress(OSError):
            return _file(self._folder, key).read_bytes()
        return None

    def last(self, count: int, until: float) -> list[tuple[float, bytes]]:
        """Return up to `count` of the last looks up to `until`, with their times, oldest first.

        After a session has ended, they are the last of its moments.
        """
        with self._lock:
            looks = [each for each in self._recent if each[0] <= until]
            kept = [] if looks else [key for key in self._sizes if key <= _key(until)]
        if looks:
            return looks[-count:] if count else []
        found = ((key / 1000, self.at(key / 1000)) for key in kept[len(kept) - count :])
        return [(time, jpeg) for time, jpeg in found if jpeg is not None]

    def _make_room(self) -> None:
        while self._used > self._space:
            oldest = next(iter(self._sizes))
            self._used -= self._sizes.pop(oldest)
            self._in_ram.pop(oldest, None)
            if self._folder is not None:
                _file(self._folder, oldest).unlink(missing_ok=True)


def _key(time: float) -> int:
    return round(1000 * time)


def _file(folder: Path, key: int) -> Path:
    return folder / f"{key:012}.jpg"


def _stored(folder: Path) -> dict[int, int]:
    names = sorted(each for each in folder.glob("*.jpg") if each.stem.isdecimal())
    return {int(each.stem): each.stat().st_size for each in names}
