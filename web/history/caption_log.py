"""The final captions of a session, with who said them."""

from collections.abc import Mapping

from media.events.hearing import Caption
from media.events.speakers import Speakers
from media.pipeline.hearing.speakers import relabelled
from web.history.numbered_log import NumberedLog

MAX_CAPTIONS = 10_000  # final captions kept of one session: a day of speech


class CaptionLog(NumberedLog[Caption]):
    """The newest final captions with words; `names` has the names of the speakers by number."""

    def __init__(self) -> None:
        super().__init__(MAX_CAPTIONS)
        self.names: Mapping[int, str] = {}

    def note(self, speakers: Speakers) -> None:
        """Take the names of those who speak, and correct whose earlier captions are.

        Those from before a second person spoke are the first one's.
        """
        if len(self.names) < 2 <= len(speakers.names):
            self.kept = [
                relabelled(each, [w.speaker or 1 for w in each.words]) for each in self.kept
            ]
        self.names = dict(speakers.names)
        corrected = {each.turn: each.speakers for each in speakers.corrected}
        for index in range(len(self.kept) - 1, -1, -1) if corrected else ():
            caption = self.kept[index]
            if caption.turn < min(corrected):
                return
            if caption.turn in corrected:
                self.kept[index] = relabelled(caption, corrected[caption.turn])
