"""A function of the user's, found by its name, and loaded again when its file changes."""

import asyncio
import importlib
import sys
import traceback
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from media.pipeline.outside.errors import OutsideError

T = TypeVar("T")
ENDINGS = (SystemExit, KeyboardInterrupt, GeneratorExit)  # of a function, not of this service


class UserCodeError(OutsideError):
    """A function of the user's cannot be loaded, or fails; the message says where."""


class UserFunction:
    """The function `package.module:function`; one thread at a time calls this."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._module: ModuleType | None = None
        self._changed = 0

    def load(self) -> Callable[..., Any]:
        """Return the function as its file has it now.

        Raises:
            UserCodeError: there is no such function, or its module does not load.
        """
        module, _, function = self.name.partition(":")
        try:
            self._module = self._import(module)
            loaded: Callable[..., Any] = getattr(self._module, function)
        except (Exception, *ENDINGS) as error:
            raise self.failed(error) from error
        return loaded

    def failed(self, error: BaseException) -> UserCodeError:
        """Return what to tell the user about `error`, which the function raised."""
        frames = traceback.extract_tb(error.__traceback__)
        file = getattr(self._module, "__file__", None)
        own = [frame for frame in frames if frame.filename == file]
        place = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
        return UserCodeError(f"{self.name} failed: {type(error).__name__}: {error}{place}")

    def _import(self, name: str) -> ModuleType:
        """Return the module, loaded again if its file was written since."""
        known = self._module
        if known is None:
            folder = str(Path.cwd())  # where the user keeps it
            if folder not in sys.path:
                sys.path.append(folder)
            known = importlib.import_module(name)
        elif _written(known) != self._changed:
            _forget_compiled(known)
            known = importlib.reload(known)
        self._changed = _written(known)
        return known


async def run_user_code(work: Coroutine[Any, Any, T], function: UserFunction) -> T:
    """Return the result of `work` of `function`, on its event loop.

    Raises:
        UserCodeError: it raised. That includes what would end the loop, and a cancellation that
            nobody here asked for.
    """
    try:
        return await work
    except UserCodeError:
        raise
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise function.failed(error) from error
    except (Exception, *ENDINGS) as error:
        raise function.failed(error) from error


def _written(module: ModuleType) -> int:
    """Return when the file of `module` was written, in nanoseconds."""
    return 0 if module.__file__ is None else Path(module.__file__).stat().st_mtime_ns


def _forget_compiled(module: ModuleType) -> None:
    """Remove the compiled file: a change within a second that keeps the size is not seen there."""
    importlib.invalidate_caches()
    compiled = None if module.__spec__ is None else module.__spec__.cached
    if compiled is not None:
        Path(compiled).unlink(missing_ok=True)
