"""Hours of film through the commands: time, memory of the process, and that there is a result.

    python -m tests.bench.bench_long_files --hours 4 ask captions replay

The film is a still picture at one frame a second with silent sound, made by writing one second
again and again. Each command runs in a process of its own.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil

RATE = 16_000  # samples a second
BLOCK = 1000  # samples of a frame of sound
COMMANDS = {
    "ask": ["ask", "FILM", "What did you see?"],
    "captions": ["captions", "FILM"],
    "offline captions": ["captions", "FILM", "--asr", "offline"],
    "replay": ["replay", "FILM"],
}


def write_film(path: Path, seconds: int) -> None:
    """Write a red square before grey, and silence."""
    pixels = np.full((240, 320, 3), 90, np.uint8)
    pixels[60:180, 80:240] = (200, 60, 40)
    with av.open(str(path), "w") as container:
        options = {"preset": "ultrafast", "g": "30"}
        video = container.add_stream("libx264", rate=1, options=options)
        video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
        sound = container.add_stream("aac", rate=RATE, layout="mono")
        for second in range(seconds):
            picture = av.VideoFrame.from_ndarray(pixels)
            picture.pts, picture.time_base = second, Fraction(1)
            container.mux(video.encode(picture))
            for start in range(0, RATE, BLOCK):
                silence = np.zeros((1, BLOCK), np.float32)
                frame = av.AudioFrame.from_ndarray(silence, "fltp", "mono")
                frame.sample_rate, frame.pts = RATE, second * RATE + start
                container.mux(sound.encode(frame))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))


def measure(command: list[str]) -> tuple[float, int, int, str]:
    """Return seconds, peak MiB, exit status and the last line that `command` prints."""
    begin, peak = time.monotonic(), 0
    with tempfile.TemporaryFile("w+") as output:
        full = [sys.executable, "-m", "web.cli.main", *command]
        process = subprocess.Popen(full, stdout=output, stderr=subprocess.STDOUT)
        while process.poll() is None:
            try:
                peak = max(peak, psutil.Process(process.pid).memory_info().rss >> 20)
            except psutil.NoSuchProcess:
                break
            time.sleep(0.5)
        status = process.wait()
        output.seek(0)
        last = (output.read().splitlines() or [""])[-1]
    return time.monotonic() - begin, peak, status, last


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=4.0)
    parser.add_argument("commands", nargs="*", default=list(COMMANDS), help=", ".join(COMMANDS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        write_film(film, round(3600 * options.hours))
        for name in options.commands:
            command = [str(film) if part == "FILM" else part for part in COMMANDS[name]]
            seconds, peak, status, last = measure(command)
            print(f"{name}: {seconds:.0f} s, at most {peak} MiB, exit status {status}: {last}")


if __name__ == "__main__":
    main()
