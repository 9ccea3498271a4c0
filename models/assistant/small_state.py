"""The state of one stream of the small model's assistant: its memory, log file and requests."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from models.assistant.body.watch import BodyState
from models.assistant.interface import Moment, StorageProblem
from models.assistant.requests.session_requests import SessionRequests
from models.assistant.scene.log_file import SceneLogFile
from models.assistant.scene.scene_entry import describe
from models.assistant.scene.scene_log import LoggedEntry
from models.assistant.small_memory import NOT_STORED, SmallModelMemory, newest_entry


@dataclass(slots=True, eq=False)
class SmallAssistantState:
    """The state of one stream; the first `reported` entries ever in its log have been reported."""

    memory: SmallModelMemory
    reported: int = 0
    log_file: SceneLogFile | None = None
    requests: SessionRequests = field(default_factory=SessionRequests)
    body: BodyState = field(default_factory=BodyState)

    def write_new_entries(self) -> list[LoggedEntry]:
        """Append the new entries to the log file, and return them."""
        added = self.memory.log.since(self.reported)
        self.reported += len(added)
        if self.log_file is not None:
            self.log_file.write(added, newest_entry(self.memory))
        return added

    def write_last_again(self) -> None:
        """Append the last entry to the log file once more: text was read in it."""
        if self.log_file is not None:
            self.log_file.write_again(self.memory.log.entries[-1])

    def unwritten(self) -> StorageProblem | None:
        """Return why new moments are only in RAM, None if they are on disk as they should be."""
        error = self.memory.rekv.store.write_error
        reason = str(error) if error else self.log_file.error if self.log_file else ""
        return StorageProblem(forgotten=False, reason=reason) if reason else None


def moment_of(entry: LoggedEntry) -> Moment:
    return Moment(entry.block, entry.scene.time, describe(entry.scene))


def stored_row(entries: Sequence[LoggedEntry], row: int) -> int | None:
    """Return `row`, or the one before if that shows the same and `row` is not stored yet."""
    if entries[row].block != NOT_STORED:
        return row
    before = row - 1
    return before if before >= 0 and entries[before].main == entries[row].main else None
