"""The formats of a transcript: JSON, plain text, or subtitles; several speakers are named."""

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from starlette.responses import JSONResponse, PlainTextResponse, Response

from media.events.hearing import CaptionWord
from models.asr.words import RATE, RecognizedWord, join_words
from web.rest.subtitles import MEDIA_TYPES, format_cues, make_cues, speaker_names
from web.rest.transcription.fields import ResponseFormat
from web.rest.transcription.spoken_language import SpokenLanguage


def transcript_response(
    words: list[RecognizedWord],
    speakers: list[int],
    end: int,
    format: ResponseFormat,
    *,
    spoken: SpokenLanguage,
    word_times: bool,
    notes: Mapping[str, Any],
) -> Response:
    """Return the transcript of `end` samples in the requested format; JSON has `notes`, too.

    `speakers` has a number for each word; they are named if there are several.
    """
    timed = timed_words(words, speakers)
    names = speaker_names(timed)
    seconds = round(end / RATE, 3)
    match format:
        case "text":
            return PlainTextResponse(join_words(words) + "\n")
        case "srt" | "vtt":
            text = format_cues(make_cues(timed, names), format)
            return Response(text, media_type=MEDIA_TYPES[format])
        case "json":
            return JSONResponse(
                {"text": join_words(words), "usage": usage_fields(seconds), **notes}
            )
        case "diarized_json":
            body = {
                "task": spoken.task,
                "duration": seconds,
                "text": join_words(words),
                "segments": diarized_segments(timed),
                "usage": usage_fields(seconds),
                **notes,
            }
            return JSONResponse(body)
        case "verbose_json":
            body = {
                "task": spoken.task,
                "language": spoken.name,
                "duration": seconds,
                "text": join_words(words),
                "segments": verbose_segments(words, speakers),
                "usage": usage_fields(seconds),
                **spoken.fields,
                **notes,
            }
            if word_times:
                body["words"] = [
                    {"word": word.text.strip(), "start": word.start, "end": word.end}
                    | ({"speaker": names[word.speaker]} if word.speaker in names else {})
                    for word in timed
                ]
            return JSONResponse(body)


def diarized_segments(words: list[CaptionWord]) -> list[dict[str, Any]]:
    """Return the segments of diarized_json, as of OpenAI's: each has one speaker.

    One person who speaks alone is speaker 1.
    """
    names = {1: "speaker 1", **speaker_names(words)}
    return [
        {
            "type": "transcript.text.segment",
            "id": f"seg_{number}",
            "start": cue.start,
            "end": cue.end,
            "text": cue.text,
            "speaker": cue.speaker or names[1],
        }
        for number, cue in enumerate(make_cues(words, names))
    ]


def verbose_segments(words: list[RecognizedWord], speakers: list[int]) -> list[dict[str, Any]]:
    """Return the segments of verbose_json: one for each subtitle cue, with its speaker, if known.

    `avg_logprob` is the mean over words, because the probabilities of tokens are not kept;
    `tokens`, `temperature` and `no_speech_prob` are unknown and therefore empty or 0.
    """
    timed = timed_words(words, speakers)
    word_probabilities = {
        placed: word.probability for placed, word in zip(timed, words, strict=True)
    }
    fields = []
    for number, cue in enumerate(make_cues(timed, speaker_names(timed))):
        probabilities = [max(word_probabilities[word], 1e-9) for word in cue.words]
        encoded = cue.text.encode()
        fields.append(
            {
                "id": number,
                "seek": 0,
                "start": cue.start,
                "end": cue.end,
                "text": cue.text,
                "tokens": [],
                "temperature": 0.0,
                "avg_logprob": float(np.mean(np.log(probabilities))),
                "compression_ratio": len(encoded) / len(zlib.compress(encoded)),
                "no_speech_prob": 0.0,
                **({"speaker": cue.speaker} if cue.speaker else {}),
            }
        )
    return fields


def timed_words(words: list[RecognizedWord], speakers: list[int]) -> list[CaptionWord]:
    return [
        CaptionWord(word.text, word.start / RATE, word.end / RATE, speaker)
        for word, speaker in zip(words, speakers, strict=True)
    ]


def usage_fields(seconds: float) -> dict[str, Any]:
    return {"type": "duration", "seconds": seconds}
