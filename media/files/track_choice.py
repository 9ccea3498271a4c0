"""Chooses the sound track that is heard: listens into all of them, at places in the whole file."""

import math
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from media.files.audio_timeline import AudioTimeline
from media.files.decoding import media_duration, open_media, read_packets
from media.files.report import DecodingReport
from media.files.tracks import (
    ChosenTrack,
    Samples,
    SpeechSeconds,
    audio_streams,
    audio_tracks,
    choose,
)
from media.frames import SAMPLE_RATE

PLACES = 24  # in the file
WINDOW = 2.5  # seconds at each: a sentence, or a pause between two
START = PLACES * WINDOW  # seconds from the start, of a file whose length is unknown


def choose_track(path: Path, speech: SpeechSeconds) -> ChosenTrack | None:
    """Return the sound track of `path` to hear; None if it has no choice of them.

    Raises:
        UnreadableMediaError: there is no such file, or FFmpeg finds no media in it.
    """
    with open_media(path) as container:
        tracks = audio_tracks(container)
        if len(tracks) < 2:
            return None
        found = dict.fromkeys((track.number for track in tracks), 0.0)
        duration = media_duration(container) or 0.0
        if duration <= START:
            places: list[float | None] = [None]
        else:
            places = [(n + 0.5) * duration / PLACES for n in range(PLACES)]
        for place in places:
            for number, samples in enumerate(_listen(container, place), 1):
                found[number] += speech(samples)
    return choose(tracks, found)


def _listen(container: av.container.InputContainer, place: float | None) -> list[Samples]:
    """Return `WINDOW` seconds of each track at `place`, or the start of each if that is None."""
    streams = audio_streams(container)
    wanted = round((START if place is None else WINDOW) * SAMPLE_RATE)
    heard: dict[int, list[Samples]] = {stream.index: [] for stream in streams}
    timelines = {stream.index: AudioTimeline(Fraction(0), math.inf) for stream in streams}
    try:
        if place is not None:
            container.seek(round((place + _start(container)) * av.time_base))
        for packet in read_packets(container, streams, DecodingReport()):
            index = packet.stream.index
            heard[index] += _decoded(packet, timelines[index])
            if all(sum(map(len, parts)) >= wanted for parts in heard.values()):
                break
            if place is not None and _seconds_after(packet, place, container) > 2 * WINDOW:
                break  # some track has no sound here
    except (av.FFmpegError, ValueError):
        pass  # a place that cannot be reached tells nothing
    none = np.zeros(0, np.float32)
    return [np.concatenate([none, *heard[stream.index]])[:wanted] for stream in streams]


def _decoded(packet: "av.Packet[av.AudioStream]", timeline: AudioTimeline) -> list[Samples]:
    try:
        frames = packet.decode()
        return [chunk.samples for frame in frames for chunk in timeline.convert(frame)]
    except (av.FFmpegError, ValueError):
        return []  # damage is reported when the file is read


def _start(container: av.container.InputContainer) -> float:
    return (container.start_time or 0) / av.time_base


def _seconds_after(
    packet: "av.Packet[av.AudioStream]", place: float, container: av.container.InputContainer
) -> float:
    if packet.pts is None or packet.time_base is None:
        return 0.0
    return float(packet.pts * packet.time_base) - _start(container) - place
