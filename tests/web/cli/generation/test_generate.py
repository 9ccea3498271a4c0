"""`eyeline generate` with a tiny random model: the video, its control, messages and errors."""

import io
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

import web.cli.generation.generate
from models.errors import WeightsError
from models.generation.control import ChunkControl
from models.generation.samplers.motion_stream import MotionStream
from models.generation.samplers.registry import DEFAULT_STEPS
from models.generation.small.enlarger_file import save_enlarger
from models.generation.small.loading import SmallVideoModel, load
from tests.models.generation import tiny
from web.cli.generation.generate import VideoRequest, generate, generate_frames, notices
from web.cli.generation.inputs import TimedPrompt, TimedTrack, parse_prompts
from web.cli.main import main
from web.config import Settings
from web.errors import UNDRAWABLE, UsageError

DUCK = "a duck on grass"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("model")
    tiny.files(made)
    return made


@pytest.fixture(scope="module")
def model(folder: Path) -> SmallVideoModel:
    return load(folder / "codec.safetensors", folder / "drawing.safetensors")


@pytest.fixture(autouse=True)
def _nothing_is_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYELINE_BACKEND", "torch")


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    count = torch.get_num_threads()
    yield
    torch.set_num_threads(count)


def request_video(text: str = DUCK, *then: str, **more: object) -> VideoRequest:
    given = {"seconds": 1.0, "scale": 1, **more}
    prompts = parse_prompts(text, then, float(str(given["seconds"])))
    return VideoRequest(prompts=prompts, **given)  # type: ignore[arg-type]  # as the caller says


def generated(model: SmallVideoModel, request: VideoRequest) -> np.ndarray:
    return np.stack(list(generate_frames(model, request)))


@pytest.mark.parametrize("sampler", DEFAULT_STEPS)
def test_the_command_writes_a_video_of_the_requested_length(
    folder: Path, tmp_path: Path, sampler: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "duck.mp4"
    given = ["--model", str(folder), "--seconds", "1.3", "--sampler", sampler, "--seed", "5"]
    assert main(["generate", DUCK, "-o", str(output), *given]) == 0
    with av.open(str(output)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (128, 128)
        assert stream.average_rate == 16
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert len(frames) == round(1.3 * 16)
    assert np.std(frames[-1]) > 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert (
        "a small model draws 32 x 32 pixels: it knows 2 kinds of things (duck, car, ...)"
        in printed.err
    )
    assert f"1.3125 s in {output}" in printed.err


def test_the_model_enlarges_unless_it_is_told_not_to(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "model")
    save_enlarger(tmp_path / "model" / "enlarger.safetensors", tiny.enlarger())
    pictures = []
    for options in ((), ("--no-enlarger",)):
        output = tmp_path / "duck.mp4"
        given = ["--model", str(tmp_path / "model"), "--seconds", "0.25", "--scale", "3", *options]
        assert main(["generate", DUCK, "-o", str(output), *given]) == 0
        with av.open(str(output)) as container:
            pictures.append(next(container.decode(video=0)).to_ndarray(format="rgb24"))
    larger, interpolated = pictures
    assert larger.shape == interpolated.shape == (96, 96, 3)
    assert np.abs(larger.astype(int) - interpolated).mean() > 1


@pytest.mark.parametrize("sampler", DEFAULT_STEPS)
def test_the_same_request_gives_the_same_video_and_another_seed_another(
    model: SmallVideoModel, sampler: str
) -> None:
    one = generated(model, request_video(sampler=sampler, seed=1))
    np.testing.assert_array_equal(one, generated(model, request_video(sampler=sampler, seed=1)))
    assert (one != generated(model, request_video(sampler=sampler, seed=2))).any()


@pytest.mark.parametrize("sampler", DEFAULT_STEPS)
def test_another_prompt_takes_effect_at_its_time(model: SmallVideoModel, sampler: str) -> None:
    still = TimedTrack(np.array([0.0]), np.array([[0.5, 0.5]]))
    options = {"seconds": 2.0, "sampler": sampler, "tracks": (still,)}
    one = generated(model, request_video(DUCK, **options))
    two = generated(model, request_video(DUCK, "a car and stars@1", **options))
    np.testing.assert_array_equal(one[:16], two[:16])
    assert (one[16:20] != two[16:20]).any()


@pytest.mark.parametrize("sampler", DEFAULT_STEPS)
def test_another_track_changes_the_video(model: SmallVideoModel, sampler: str) -> None:
    times = np.array([0.0, 1.0])
    paths = [np.array([[0.2, 0.5], [0.8, y]]) for y in (0.5, 0.1)]
    one, two = (
        generated(model, request_video(sampler=sampler, tracks=(TimedTrack(times, path),)))
        for path in paths
    )
    assert (one != two).any()


def sampled_tracks(
    model: SmallVideoModel, monkeypatch: pytest.MonkeyPatch, *prompts: TimedPrompt, **more: object
) -> torch.Tensor:
    """Return the tracks that the sampler gets: (things, frames, 2)."""
    tracks: list[torch.Tensor] = []
    step = MotionStream.calls

    def noted(self: MotionStream, state: Any, chunk: ChunkControl) -> Any:
        assert chunk.track is not None
        tracks.append(chunk.track)
        return step(self, state, chunk)

    monkeypatch.setattr(MotionStream, "calls", noted)
    list(generate_frames(model, VideoRequest(prompts=prompts, **more)))  # type: ignore[arg-type]  # as the caller says
    monkeypatch.undo()
    return torch.cat(tracks, 1)


def test_things_without_a_track_move_as_the_prompt_says(
    model: SmallVideoModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = TimedPrompt(0, "a duck moving left and a car standing still")
    track = sampled_tracks(model, monkeypatch, both, seconds=0.5)
    assert track.shape == (2, 8, 2)
    assert track[0, 0, 0] > track[0, -1, 0]
    assert torch.equal(track[1, 0], track[1, -1])
    drawn = TimedTrack(np.array([0.0]), np.array([[0.1, 0.9]]))
    moved = sampled_tracks(model, monkeypatch, both, seconds=0.5, tracks=(None, drawn))
    assert torch.equal(moved[0], track[0])
    torch.testing.assert_close(moved[1], torch.tensor([[0.1, 0.9]]).expand(8, 2))


def test_a_thing_does_not_jump_when_the_prompt_changes(
    model: SmallVideoModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    up, left = TimedPrompt(0, "a duck moving up"), TimedPrompt(1, "a duck moving left")
    first = sampled_tracks(model, monkeypatch, up, left, seconds=2.5)[0]
    alone = sampled_tracks(model, monkeypatch, TimedPrompt(0, left.text), seconds=2.5)[0]
    assert (first[1:] - first[:-1]).norm(dim=1).max() < 0.12
    assert (first[15] - alone[15]).norm() > 0.1
    torch.testing.assert_close(first[28:], alone[28:])


def test_the_reading_of_the_prompt_is_reported(model: SmallVideoModel) -> None:
    printed = "\n".join(notices(model.info, request_video("a duck circling on a volcano")))
    assert 'the background "volcano" is not known: it is grass' in printed
    assert "the duck has no track, so it moves as the prompt says: circle" in printed
    free = "\n".join(notices(model.info, request_video("a duck and a car")))
    assert "the car has no track, so it moves in a curve" in free
    track = TimedTrack(np.array([0.0]), np.array([[0.5, 0.5]]))
    assert "has no track" not in "\n".join(notices(model.info, request_video(tracks=(track,))))


@pytest.mark.parametrize(
    ("prompt", "then", "reason"),
    [
        ("a cat on grass", [], 'the model cannot draw "cat"; it can draw duck, car'),
        ("Ente im Gras", [], "seems to be German: the model reads English"),
        ("grass", [], "names no thing to draw"),
        (DUCK, ["--then", "a duk@0.5"], 'cannot draw "duk"; nearest known: duck'),
    ],
)
def test_a_prompt_without_known_things_is_not_drawn_and_has_an_exit_status(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    prompt: str,
    then: list[str],
    reason: str,
) -> None:
    output = tmp_path / "cat.mp4"
    given = ["--model", str(folder), "-o", str(output), "--seconds", "1", *then]
    assert main(["generate", prompt, *given]) == UNDRAWABLE == 3
    printed = capsys.readouterr().err
    assert reason in printed
    assert printed.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_ctrl_c_keeps_the_frames_so_far(
    model: SmallVideoModel,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "duck.mp4"
    before = list(generate_frames(model, request_video()))

    def stopped(*_: object) -> Iterator[np.ndarray]:
        yield from before[:8]
        raise KeyboardInterrupt

    monkeypatch.setattr(web.cli.generation.generate, "generate_frames", stopped)
    command = ["generate", DUCK, "--model", str(folder), "-o", str(output)]
    assert main(command) == 130
    assert f"interrupted: the first 0.5 s are in {output}" in capsys.readouterr().err
    with av.open(str(output)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 8
    output.unlink()
    before.clear()
    assert main(command) == 130
    assert "nothing was written" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_scale_is_limited_by_the_maximum_side(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web.cli.generation.generate, "MAX_SIDE", 100)
    output = tmp_path / "duck.mp4"
    generate(Settings(threads=1), request_video(seconds=0.1, scale=1000), folder, output)
    with av.open(str(output)) as container:
        assert container.streams.video[0].width == 96


@pytest.mark.parametrize("damage", ["cut", "shape", "pickle", "torch", "text"])
def test_a_damaged_checkpoint_is_an_error_in_one_line(
    folder: Path, tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(folder, tmp_path / "model")
    file = tmp_path / "model" / "drawing.safetensors"
    ran: list[str] = []
    match damage:
        case "cut":
            file.write_bytes(file.read_bytes()[:-1000])
        case "shape":
            shutil.copy(folder / "codec.safetensors", file)
        case "pickle":
            file.write_bytes(pickle.dumps({"weights": _Code(ran)}))
        case "torch":
            buffer = io.BytesIO()
            torch.save({"weights": torch.zeros(3)}, buffer)
            file.write_bytes(buffer.getvalue())
        case _:
            file.write_text("weights")
    output = tmp_path / "duck.mp4"
    options = ["generate", DUCK, "-o", str(output), "--model", str(tmp_path / "model")]
    assert main(options) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert "drawing.safetensors" in printed
    assert not ran
    assert not output.exists()


class _Code:
    """Runs when it is unpickled."""

    def __init__(self, ran: list[str]) -> None:
        self.ran = ran

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return pytest.fail, ("code in a checkpoint was run",)


def test_without_a_model_both_files_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.generation.small.loading.CHECKPOINTS", tmp_path)
    with pytest.raises(WeightsError, match=r"codec\.safetensors and .*drawing"):
        generate(Settings(), request_video(), None, tmp_path / "duck.mp4")


def test_an_unwritable_output_is_an_error(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        generate(Settings(threads=1), request_video(), folder, tmp_path / "none" / "duck.mp4")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["", "-o", "a.mp4"], "a prompt needs words"),
        (["🦆", "-o", "a.mp4"], "a prompt needs words"),
        (["a" * 10_000, "-o", "a.mp4"], "this one has 10000"),
        ([DUCK, "-o", "a.gif"], "expected a name that ends in .mp4"),
        ([DUCK, "-o", "none/a.mp4"], "no such folder"),
        ([DUCK, "-o", "a.mp4", "--track", "none.json"], "none.json: cannot be read"),
        ([DUCK, "-o", "a.mp4", "--seconds", "nan"], "--seconds: expected more than 0"),
        ([DUCK, "-o", "a.mp4", "--seconds", "1e9"], "at most 14400"),
        ([DUCK, "-o", "a.mp4", "--then", "a car"], "--then: expected"),
        ([DUCK, "-o", "a.mp4", "--steps", "6", "--sampler", "rolling-forcing"], "1 to 5 steps"),
        ([DUCK, "-o", "a.mp4", "--model", "none"], "none/codec.safetensors and"),
    ],
)
def test_invalid_arguments_are_errors_in_one_line(
    given: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["generate", *given]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "given", [["--seed", "-1"], ["--steps", "9"], ["--scale", "0"], ["--sampler", "euler"]]
)
def test_numbers_out_of_range_are_usage_errors(
    given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["generate", DUCK, "-o", "a.mp4", *given])
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
