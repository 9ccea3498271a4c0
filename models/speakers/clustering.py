"""Embeddings of windows to speakers, online and with bounded memory: pure.

The newest windows are kept and grouped anew with each turn, so what is said later corrects what
was assigned before. Older ones are only in the sum of their speaker. Agglomerative clustering by
the cosine of the groups' means: while no window has been folded into a sum, the groups are those
that clustering all windows at once would give.

Speakers are numbered from 1 as they appear, and a group keeps the number that most of it had.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.asr.words import RATE

Floats = NDArray[np.float32]

THRESHOLD = 0.78  # cosine from which two groups are one voice; chosen on the voices of development
MIN_SPEECH = 2.0  # seconds of sound that make a speaker
MIN_LIKENESS = 0.55  # cosine to a speaker's mean below which a window is nobody's
MAX_RECENT = 256  # windows that are grouped anew: about 100 s of speech, 256 KiB
NEAR = 0.5 * RATE  # samples between a word and a window that may still say whose it is
NOBODY = 0  # the number of a window or word without a speaker


@dataclass(frozen=True, slots=True, eq=False)
class Voice:
    """A window from sample `start` to `end`, as a unit vector, and the number of its speaker."""

    start: int
    end: int
    embedding: Floats
    speaker: int = NOBODY

    @property
    def seconds(self) -> float:
        return (self.end - self.start) / RATE


@dataclass(frozen=True, slots=True, eq=False)
class OlderVoices:
    """What is left of older windows of one speaker: the sum of their vectors, by seconds."""

    speaker: int
    total: Floats
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class Voices:
    """All that is known of the voices of a session.

    `means` are unit vectors (speakers, size), of the speakers in `numbers`.
    """

    older: tuple[OlderVoices, ...] = ()
    recent: tuple[Voice, ...] = ()
    numbers: tuple[int, ...] = ()
    means: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _VoiceGroup:
    older: tuple[int, ...]  # numbers
    members: tuple[int, ...]  # indexes of recent windows
    total: Floats

    def mean(self) -> Floats:
        return _unit(self.total)


def add_voices(
    voices: Voices, new: Sequence[Voice], *, max_speakers: int, max_recent: int = MAX_RECENT
) -> Voices:
    """Return `voices` with the windows `new`, grouped anew into at most `max_speakers`."""
    if not new:
        return voices
    recent = (*voices.recent, *new)
    groups = _groups(voices.older, recent)
    speakers = _speakers(groups, voices.older, recent, max_speakers)
    numbers = _numbered(speakers, recent)
    order = sorted(range(len(speakers)), key=lambda index: numbers[index])
    means = np.stack([speakers[index].mean() for index in order])
    found = tuple(numbers[index] for index in order)
    labelled = _labelled(recent, means, found)
    known = Voices(_renumbered(voices.older, speakers, numbers), labelled, found, means)
    return _bounded(known, max_recent)


def speakers_at(voices: Voices, positions: Sequence[int]) -> list[int]:
    """Return who speaks at each of `positions`, in samples of the stream; NOBODY if unknown.

    Each window that covers a position counts, more if its middle is near.
    """
    if voices.means is None or not voices.recent:
        return [NOBODY] * len(positions)
    starts = np.array([voice.start for voice in voices.recent])
    ends = np.array([voice.end for voice in voices.recent])
    likeness = np.stack([voice.embedding for voice in voices.recent]) @ voices.means.T
    return [_speaker_at(position, starts, ends, likeness, voices) for position in positions]


def labelled_by(voices: Voices, windows: tuple[Voice, ...]) -> Voices:
    """Return `voices` with `windows` as its recent ones, labelled by what is known now."""
    if voices.means is None:
        return voices
    return replace(voices, recent=_labelled(windows, voices.means, voices.numbers))


def _speaker_at(
    position: int,
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    likeness: Floats,
    voices: Voices,
) -> int:
    half = (ends - starts) / 2
    weights = np.maximum(0, 1 - np.abs(starts + half - position) / half)
    if not weights.any():
        outside = np.maximum(starts - position, position - ends)
        nearest = int(outside.argmin())
        return voices.recent[nearest].speaker if outside[nearest] <= NEAR else NOBODY
    scores = weights @ likeness / weights.sum()
    best = int(scores.argmax())
    return voices.numbers[best] if scores[best] >= MIN_LIKENESS else NOBODY


def _groups(older: Sequence[OlderVoices], recent: Sequence[Voice]) -> list[_VoiceGroup]:
    """Return groups of one voice each: the two most alike are joined while they are alike."""
    totals = np.stack(
        [each.total for each in older] + [voice.embedding * voice.seconds for voice in recent]
    )
    owners: list[list[int]] = [[index] for index in range(len(totals))]
    units = _unit(totals)
    alike = units @ units.T
    np.fill_diagonal(alike, -2)
    while True:
        one, other = divmod(int(alike.argmax()), len(totals))
        if alike[one, other] < THRESHOLD:
            break
        totals[one] += totals[other]
        units[one] = _unit(totals[one])
        owners[one] += owners[other]
        owners[other] = []
        alike[other], alike[:, other] = -2, -2
        row = units @ units[one]
        row[[not each for each in owners]] = -2
        row[one] = -2
        alike[one], alike[:, one] = row, row
    return [_group(owned, totals[index], older) for index, owned in enumerate(owners) if owned]


def _group(owned: Sequence[int], total: Floats, older: Sequence[OlderVoices]) -> _VoiceGroup:
    numbers = tuple(older[index].speaker for index in owned if index < len(older))
    return _VoiceGroup(numbers, tuple(i - len(older) for i in owned if i >= len(older)), total)


def _speakers(
    groups: Sequence[_VoiceGroup],
    older: Sequence[OlderVoices],
    recent: Sequence[Voice],
    max_speakers: int,
) -> list[_VoiceGroup]:
    """Return the groups that are speakers: with enough speech, and those with most of it."""
    spoken = {each.speaker: each.seconds for each in older}

    def seconds(group: _VoiceGroup) -> float:
        covered = _covered([recent[index] for index in group.members])
        return covered + sum(spoken[number] for number in group.older)

    ranked = sorted(groups, key=seconds, reverse=True)
    enough = [group for group in ranked if group.older or seconds(group) >= MIN_SPEECH]
    return (enough or ranked[:1])[:max_speakers]


def _covered(windows: Sequence[Voice]) -> float:
    """Return the seconds that `windows` cover; they overlap."""
    samples, until = 0, 0
    for window in sorted(windows, key=lambda each: each.start):
        samples += max(0, window.end - max(until, window.start))
        until = max(until, window.end)
    return samples / RATE


def _numbered(speakers: Sequence[_VoiceGroup], recent: Sequence[Voice]) -> list[int]:
    """Return a number for each of `speakers`: the one that most of it had, or the next."""
    wishes: list[tuple[float, int, int]] = []
    for index, group in enumerate(speakers):
        had: Counter[int] = Counter()
        for member in group.members:
            had[recent[member].speaker] += recent[member].end - recent[member].start
        for number in group.older:
            had[number] += 10**12  # older windows are never renumbered against recent ones
        wishes += [(-time, index, number) for number, time in had.items() if number != NOBODY]
    numbers: dict[int, int] = {}
    for _, index, number in sorted(wishes):
        if index not in numbers and number not in numbers.values():
            numbers[index] = number
    for index in sorted(
        (index for index in range(len(speakers)) if index not in numbers),
        key=lambda index: min((recent[i].start for i in speakers[index].members), default=0),
    ):
        free = (n for n in range(1, len(speakers) + 2) if n not in numbers.values())
        numbers[index] = next(free)
    return [numbers[index] for index in range(len(speakers))]


def _labelled(recent: Sequence[Voice], means: Floats, numbers: Sequence[int]) -> tuple[Voice, ...]:
    """Return `recent` with the speaker that each window is most like."""
    likeness = np.stack([voice.embedding for voice in recent]) @ means.T
    best = likeness.argmax(axis=1)
    return tuple(
        replace(voice, speaker=numbers[index] if row[index] >= MIN_LIKENESS else NOBODY)
        for voice, index, row in zip(recent, best, likeness, strict=True)
    )


def _renumbered(
    older: Sequence[OlderVoices], speakers: Sequence[_VoiceGroup], numbers: Sequence[int]
) -> tuple[OlderVoices, ...]:
    """Return `older` with their groups' numbers; those of one speaker are one."""
    now = {old: new for group, new in zip(speakers, numbers, strict=True) for old in group.older}
    joined: dict[int, OlderVoices] = {}
    for each in older:
        number = now.get(each.speaker, each.speaker)
        before = joined.get(number)
        total = each.total if before is None else before.total + each.total
        seconds = each.seconds + (0.0 if before is None else before.seconds)
        joined[number] = OlderVoices(number, total, seconds)
    return tuple(joined.values())


def _bounded(voices: Voices, max_recent: int) -> Voices:
    """Return `voices` with its oldest windows folded into sums, beyond `max_recent` of them."""
    surplus = len(voices.recent) - max_recent
    if surplus <= 0:
        return voices
    sums = {each.speaker: each for each in voices.older}
    for voice in voices.recent[:surplus]:
        if voice.speaker == NOBODY:
            continue
        total, seconds = voice.embedding * voice.seconds, voice.seconds
        if voice.speaker in sums:
            before = sums[voice.speaker]
            total, seconds = before.total + total, before.seconds + seconds
        sums[voice.speaker] = OlderVoices(voice.speaker, total, seconds)
    return replace(voices, older=tuple(sums.values()), recent=voices.recent[surplus:])


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    units: Floats = vectors / np.maximum(lengths, np.float32(1e-9))
    return units
