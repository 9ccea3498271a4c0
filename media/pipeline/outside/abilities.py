"""What an outside model takes, which the service learns by asking it."""

from typing import Literal

from media.pipeline.outside.errors import RefusedError


class Abilities:
    """Whether the model takes pictures: as set, or, with auto, until it refuses them once."""

    def __init__(self, takes_pictures: Literal["auto", "yes", "no"]) -> None:
        self._set = takes_pictures
        self.pictures = takes_pictures != "no"
        self.reason = ""  # why not, if it was tried

    @property
    def on_trial(self) -> bool:
        """Whether a question that is refused with pictures may be asked without."""
        return self._set == "auto" and self.pictures

    def lose_pictures(self, model: str, error: RefusedError) -> str:
        """Send no more pictures if they are refused for good; return the message for the user.

        The model took a question without them after `error`.
        """
        if not error.lasting:
            return f"{model} did not take the pictures this time and answers from notes ({error})"
        self.pictures = False
        self.reason = f"{model} takes no pictures and answers from notes of what was seen ({error})"
        return self.reason
