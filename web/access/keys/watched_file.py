"""The file of keys, read again when it has changed."""

from pathlib import Path

from web.access.keys.key_file import KeyFileError, read_keys, valid_keys
from web.access.keys.scopes import ApiKey

Stamp = tuple[int, int, int] | None  # inode, time and size; None if there is no file


class WatchedKeyFile:
    """Tells the keys of the file `path` whenever they are other ones.

    A change is read once it has lasted from one poll to the next: an editor may empty the file
    before it writes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: Stamp = None
        self._seen: Stamp = None

    def load(self) -> tuple[ApiKey, ...]:
        """Return the keys that are valid.

        Raises:
            KeyFileError: the file cannot be used, or has no key.
        """
        self._read = self._seen = self._stamp()
        listed = read_keys(self._path)
        if not listed:
            raise KeyFileError(f"{self._path}: no key in it: make one with `eyeline keys add`")
        return valid_keys(listed)

    def poll(self) -> tuple[ApiKey, ...] | None:
        """Return the keys that are valid if the file has changed, else None.

        One that cannot be opened, as there are no descriptors for example, is tried again.

        Raises:
            KeyFileError: it has changed and cannot be used, or has no key; said once a change.
        """
        stamp, before, read = self._stamp(), self._seen, self._read
        self._seen = stamp
        if stamp != before or stamp == read:
            return None
        try:
            return self.load()
        except KeyFileError as error:
            if stamp is not None and isinstance(error.__cause__, OSError):
                self._read = read
            raise

    def _stamp(self) -> Stamp:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size
