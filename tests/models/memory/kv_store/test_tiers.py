import shutil
import threading
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.errors import DamagedBlockError, EmptyMemoryError, StoreError, StoreFullError
from models.memory.kv_store import malloc_trim as malloc_trim
from models.memory.kv_store.record_log import LogSegment
from models.memory.kv_store.tiers import BlockStore, StoreBudget, open_store
from models.memory.prefill import RekvState
from models.memory.rekv import Rekv, RekvConfig
from tests.full_disk import files_of_at_most
from tests.models.memory.answering import rekv_answer
from tests.models.memory.tiny_memory import OPENING, QUESTION, decoder, frames

SHAPE = (3, 2, 2, 6, 8)  # layers, keys and values, key heads, tokens, width
SIZE = 3 * 2 * 2 * 6 * 8 * 4  # bytes in float32
IDENTITY = {"model": "made up"}


def memory(seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed)).to(dtype)


def filled(store: BlockStore, count: int, *, first: int = 0) -> BlockStore:
    for second in range(first, first + count):
        store.append(memory(second), start=float(second), end=second + 1.0)
    return store


def assert_holds(store: BlockStore, seconds: list[int]) -> None:
    assert [block.start for block in store.table.blocks if not block.lost] == seconds
    for row, block in enumerate(store.table.blocks):
        if not block.lost:
            assert torch.equal(block.all_layers(), memory(int(block.start)))
            expected = memory(int(block.start))[:, 0].mean(2).flatten(1)
            torch.testing.assert_close(store.table.representatives[:, row], expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_spilled_blocks_come_back_bit_by_bit(tmp_path: Path, dtype: torch.dtype) -> None:
    store = open_store(tmp_path, IDENTITY, StoreBudget(ram=memory(0, dtype).nbytes))
    blocks = [store.append(memory(i, dtype), start=i, end=i + 1) for i in range(4)]
    assert [block.memory is None for block in blocks] == [True, True, True, False]
    for i, block in enumerate(blocks):
        assert torch.equal(block.all_layers(), memory(i, dtype))
        assert torch.equal(block.layer(2), memory(i, dtype)[2])
    store.close()


def test_ram_stays_within_its_budget_and_the_oldest_go_to_disk(tmp_path: Path) -> None:
    store = open_store(tmp_path, IDENTITY, StoreBudget(ram=3 * SIZE + 10))
    for count in range(1, 12):
        filled(store, 1, first=count - 1)
        assert store.sizes.ram == min(count, 3) * SIZE
    assert 0 < store.sizes.disk < 8 * (SIZE + 2000)  # eight are spilled, heads and all
    assert_holds(store, list(range(11)))
    store.close()


def test_a_device_tier_hands_its_oldest_down_to_ram_and_these_go_to_disk(tmp_path: Path) -> None:
    store = open_store(tmp_path, IDENTITY, StoreBudget(device=2 * SIZE, ram=3 * SIZE))
    filled(store, 9)
    assert (store.sizes.device, store.sizes.ram) == (2 * SIZE, 3 * SIZE)
    assert [block.record is not None for block in store.table.blocks] == [True] * 4 + [False] * 5
    assert_holds(store, list(range(9)))
    store.close()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_blocks_of_a_gpu_stay_there_within_budget_and_come_back_from_pinned_ram() -> None:
    store = BlockStore(StoreBudget(device=2 * SIZE))
    for second in range(5):
        store.append(memory(second).cuda(), start=second, end=second + 1)
    kept = [block.memory for block in store.table.blocks]
    assert [part is not None and part.is_cuda for part in kept] == [False] * 3 + [True] * 2
    assert all(part is not None and part.is_pinned() for part in kept[:3])
    for second, part in enumerate(kept):
        assert part is not None
        assert torch.equal(part.cpu(), memory(second))


def test_a_saved_store_is_found_again_after_a_restart(tmp_path: Path) -> None:
    store = filled(open_store(tmp_path, IDENTITY, StoreBudget(ram=3 * SIZE)), 8)
    store.save()
    store.close()
    again = open_store(tmp_path, IDENTITY, StoreBudget(ram=3 * SIZE))
    assert again.lost == ()
    assert_holds(again, list(range(8)))
    filled(again, 3, first=8)
    assert_holds(again, list(range(11)))
    assert len({block.id for block in again.table.blocks}) == 11
    again.save()
    again.close()
    third = open_store(tmp_path, IDENTITY)
    assert_holds(third, list(range(11)))
    third.close()


def test_spilled_blocks_survive_a_crash_without_a_save(tmp_path: Path) -> None:
    store = filled(open_store(tmp_path, IDENTITY, StoreBudget(ram=2 * SIZE)), 4)
    store.save()
    filled(store, 5, first=4)
    store.close()  # no save: 4, 5 and 6 were spilled, 7 and 8 were only in RAM
    again = open_store(tmp_path, IDENTITY)
    assert again.lost == ()
    assert_holds(again, list(range(7)))
    again.close()


@pytest.mark.parametrize("harm", ["missing", "flipped", "cut"])
def test_without_a_good_index_the_blocks_are_found_in_their_files(
    tmp_path: Path, harm: str
) -> None:
    store = filled(open_store(tmp_path, IDENTITY, StoreBudget(ram=3 * SIZE)), 8)
    store.save()
    store.close()
    index = tmp_path / "index.json"
    text = bytearray(index.read_bytes())
    if harm == "missing":
        index.unlink()
    elif harm == "flipped":
        text[len(text) // 2] ^= 1
        index.write_bytes(text)
    else:
        index.write_bytes(text[:-9])
    again = open_store(tmp_path, IDENTITY)
    assert again.lost == ()
    assert_holds(again, list(range(8)))
    again.close()


def saved(folder: Path) -> Path:
    store = filled(open_store(folder, IDENTITY, StoreBudget(ram=2 * SIZE)), 6)
    store.save()
    store.close()
    (segment,) = folder.glob("*.blocks")
    return segment


def readable(store: BlockStore) -> list[int]:
    """The seconds whose blocks can be read whole; the others are marked as lost by this."""
    good = []
    for block in store.table.blocks:
        try:
            whole = block.all_layers()
        except DamagedBlockError:
            continue
        assert torch.equal(whole, memory(int(block.start)))
        good.append(int(block.start))
    return good


@pytest.mark.parametrize("with_index", [True, False])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_loses_one_block_at_most_and_says_which(
    tmp_path_factory: pytest.TempPathFactory, with_index: bool, place: float, bit: int
) -> None:
    folder = tmp_path_factory.mktemp("memory")
    segment = saved(folder)
    data = bytearray(segment.read_bytes())
    data[int(place * len(data))] ^= 1 << bit
    segment.write_bytes(data)
    if not with_index:
        (folder / "index.json").unlink()
    store = open_store(folder, IDENTITY)
    good = readable(store)
    assert len(good) == 5
    assert len(store.lost) >= 1
    if with_index:
        ((start, end, why),) = store.lost
        assert {int(start), *good} == set(range(6))
        assert end == start + 1
        assert str(segment) in why
    store.close()


@pytest.mark.parametrize("with_index", [True, False])
def test_a_file_cut_short_loses_only_what_is_past_the_cut(tmp_path: Path, with_index: bool) -> None:
    segment = saved(tmp_path)
    data = segment.read_bytes()
    segment.write_bytes(data[: int(len(data) * 0.6)])
    if not with_index:
        (tmp_path / "index.json").unlink()
    store = open_store(tmp_path, IDENTITY)
    assert readable(store) == [0, 1, 2]
    assert [why.count("cut short") for *_, why in store.lost] == [1] * (3 if with_index else 1)
    assert [start for start, *_ in store.lost] == ([3.0, 4.0, 5.0] if with_index else [3.0])
    filled(store, 2, first=6)
    store.save()
    store.close()
    again = open_store(tmp_path, IDENTITY)
    assert_holds(again, [0, 1, 2, 6, 7])
    again.close()


def test_a_missing_file_loses_its_blocks_and_says_so(tmp_path: Path) -> None:
    saved(tmp_path).unlink()
    store = open_store(tmp_path, IDENTITY)
    assert store.table.count == 0
    assert [start for start, *_ in store.lost] == [0, 1, 2, 3, 4, 5]
    assert all("is missing" in why for *_, why in store.lost)
    filled(store, 2)
    assert_holds(store, [0, 1])
    store.close()


def test_a_file_cut_short_while_it_is_mapped_is_an_error_not_a_crash(tmp_path: Path) -> None:
    store = filled(open_store(tmp_path, IDENTITY, StoreBudget(ram=SIZE)), 6)
    assert readable(store) == list(range(6))  # now the file is mapped
    (segment,) = tmp_path.glob("*.blocks")
    with segment.open("r+b") as file:
        file.truncate(3000)
    good = readable(store)
    assert good[-1] == 5  # still in RAM
    assert len(good) < 6
    assert len(store.lost) == 6 - len(good)
    store.close()


def watched(rekv: Rekv, store: BlockStore, count: int, *, first: int = 0) -> RekvState:
    state = rekv.init_state(store)
    for frame in frames(count, first=first):
        state, _ = rekv.step(state, [frame])
    return state


@pytest.fixture
def rekv() -> Rekv:
    return Rekv(decoder(), OPENING, RekvConfig(window=20, blocks=3))


def test_answers_from_disk_are_those_from_ram(tmp_path: Path, rekv: Rekv) -> None:
    store = open_store(tmp_path, rekv.identity, StoreBudget(ram=2 * SIZE))
    spilled, whole = watched(rekv, store, 12), watched(rekv, BlockStore(), 12)
    for question in (QUESTION, torch.tensor([4, 44])):
        for until in (None, 5.0):
            assert list(rekv_answer(rekv, spilled, question, until=until, max_tokens=6)) == list(
                rekv_answer(rekv, whole, question, until=until, max_tokens=6)
            )
    store.close()


@pytest.mark.parametrize("before", [1, 3, 12])
def test_a_stream_goes_on_after_a_restart_as_if_it_had_not_stopped(
    tmp_path: Path, rekv: Rekv, before: int
) -> None:
    state = watched(rekv, open_store(tmp_path, rekv.identity), before)
    rekv.flush(state)
    state.store.close()
    store = open_store(tmp_path, rekv.identity, StoreBudget(ram=4 * SIZE))
    resumed = watched(rekv, store, 5, first=before)
    never_stopped = watched(rekv, BlockStore(), before + 5)
    for one, other in zip(
        resumed.store.table.blocks, never_stopped.store.table.blocks, strict=True
    ):
        torch.testing.assert_close(one.all_layers(), other.all_layers(), atol=2e-6, rtol=1e-5)
    assert resumed.position == never_stopped.position
    assert list(rekv_answer(rekv, resumed, QUESTION, max_tokens=6)) == list(
        rekv_answer(rekv, never_stopped, QUESTION, max_tokens=6)
    )
    store.close()


def test_an_answer_does_without_a_damaged_block_and_reports_it(
    tmp_path: Path, rekv: Rekv, caplog: pytest.LogCaptureFixture
) -> None:
    state = watched(rekv, open_store(tmp_path, rekv.identity), 8)
    picked = rekv.retrieve(state, QUESTION).blocks
    rekv.flush(state)
    state.store.close()
    record = picked[1][0].record
    assert record is not None
    segment = record.segment.path
    data = bytearray(segment.read_bytes())
    data[record.pieces["layer 1"].offset + 5] ^= 4
    segment.write_bytes(data)
    store = open_store(tmp_path, rekv.identity)
    state = rekv.init_state(store)
    found = rekv.retrieve(state, QUESTION)
    assert [b.id for b in found.blocks[0]] == [b.id for b in picked[0]]  # its layer 0 is whole
    assert picked[1][0].id not in [b.id for b in found.blocks[1]]
    assert len(found.blocks[1]) == 3
    assert "left out of an answer" in caplog.text
    ((start, _, why),) = store.lost
    assert start == picked[1][0].start
    assert "checksum" in why
    assert len(list(rekv.reply(found, QUESTION, max_tokens=4))) == 4
    rekv.step(state, frames(1, first=8))
    store.close()


def test_a_full_disk_refuses_the_frame_and_keeps_everything_else(
    tmp_path: Path, rekv: Rekv
) -> None:
    store = open_store(tmp_path, rekv.identity, StoreBudget(ram=2 * SIZE))
    state = watched(rekv, store, 4)
    generated = list(rekv_answer(rekv, state, QUESTION, max_tokens=5))
    (segment,) = tmp_path.glob("*.blocks")
    with files_of_at_most(segment.stat().st_size + 100):
        for _ in range(2):
            with pytest.raises(StoreFullError, match="free space there"):
                rekv.step(state, frames(1, first=4))
        with pytest.raises(StoreFullError):
            rekv.flush(state)
        assert store.table.count == 4
        assert list(rekv_answer(rekv, state, QUESTION, max_tokens=5)) == generated
    state, _ = rekv.step(state, frames(3, first=4)[:1])  # room again: the stream goes on
    whole = watched(rekv, BlockStore(), 5)
    for one, other in zip(store.table.blocks, whole.store.table.blocks, strict=True):
        assert torch.equal(one.all_layers(), other.all_layers())
    store.close()


def test_a_durable_store_is_on_disk_after_each_block(tmp_path: Path) -> None:
    store = open_store(tmp_path / "one", IDENTITY, durable=True)
    for count in range(1, 5):
        filled(store, 1, first=count - 1)
        shutil.copytree(tmp_path / "one", tmp_path / str(count))  # as a killed process leaves it
        left = open_store(tmp_path / str(count), IDENTITY)
        assert_holds(left, list(range(count)))
        left.close()
    assert store.sizes.ram == 4 * SIZE  # and still in RAM
    store.close()


def test_a_durable_store_keeps_what_a_full_disk_refuses_and_writes_it_later(tmp_path: Path) -> None:
    store = open_store(tmp_path, IDENTITY, durable=True)
    filled(store, 2)
    (segment,) = tmp_path.glob("*.blocks")
    with files_of_at_most(segment.stat().st_size + 100):
        filled(store, 2, first=2)
        assert "no room left" in str(store.write_error)
        assert_holds(store, list(range(4)))
    filled(store, 1, first=4)
    assert not str(store.write_error or "")
    store.close()
    again = open_store(tmp_path, IDENTITY)
    assert_holds(again, list(range(5)))
    again.close()


def test_a_device_without_space_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "000000.blocks").symlink_to("/dev/full")
    segment = LogSegment(tmp_path / "000000.blocks", fresh=True)
    with pytest.raises(StoreFullError, match=r"no room left \(No space left on device\)"):
        segment.append({}, {"part": b"x"})
    segment.close()


def test_the_disk_budget_holds(tmp_path: Path) -> None:
    store = open_store(tmp_path, IDENTITY, StoreBudget(ram=2 * SIZE, disk=3 * SIZE))
    with pytest.raises(StoreFullError, match="disk budget"):
        filled(store, 20)
    assert store.sizes.disk <= 3 * SIZE
    assert_holds(store, list(range(store.table.count)))
    store.close()


def test_without_a_folder_a_full_ram_budget_refuses_and_keeps(rekv: Rekv) -> None:
    state = rekv.init_state(BlockStore(StoreBudget(ram=3 * SIZE)))
    state, _ = rekv.step(state, frames(3))
    with pytest.raises(StoreFullError, match="no folder"):
        rekv.step(state, frames(1, first=3))
    with pytest.raises(StoreFullError, match="fewer or smaller"):
        rekv.step(state, frames(4, first=3))
    assert state.store.table.count == 3
    assert list(rekv_answer(rekv, state, QUESTION, max_tokens=2))


def test_a_folder_is_used_by_one_memory_and_one_model(tmp_path: Path) -> None:
    store = filled(open_store(tmp_path, IDENTITY), 2)
    with pytest.raises(StoreError, match="is in use"):
        open_store(tmp_path, IDENTITY)
    store.save()
    store.close()
    with pytest.raises(StoreError, match="another model"):
        open_store(tmp_path, {"model": "other"})
    (tmp_path / "index.json").unlink()
    with pytest.raises(StoreError, match="another model"):
        open_store(tmp_path, {"model": "other"})
    again = open_store(tmp_path, IDENTITY)
    assert_holds(again, [0, 1])
    again.close()


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="check the folder"):
        open_store(tmp_path / "file", IDENTITY)


def test_a_block_that_begins_before_the_last_ends_is_refused() -> None:
    store = filled(BlockStore(), 3)
    with pytest.raises(ValueError, match="order of time"):
        store.append(memory(9), start=2.5, end=4.0)
    assert_holds(store, [0, 1, 2])


def test_replaced_blocks_stay_readable_for_who_holds_them_and_leave_the_folder(
    tmp_path: Path,
) -> None:
    store = filled(open_store(tmp_path, IDENTITY, StoreBudget(ram=2 * SIZE)), 8)
    store.save()
    before = store.table
    first = memory(0).mean(3, keepdim=True)
    made = store.new_block(first, start=0.0, end=7.0, replaces=tuple(range(7)))
    store.replace([made], [torch.ones(3, 16)])
    assert [block.tokens for block in store.table.blocks] == [1, 6]
    assert [block.start for block in before.blocks] == list(range(8))
    full = store.sizes.disk
    store.save()
    assert store.sizes.disk < full / 2
    assert len(list(tmp_path.glob("*.blocks"))) == 1
    for second, block in enumerate(before.blocks):
        assert torch.equal(
            block.all_layers(), memory(second)
        )  # its file is gone, its bytes are not
    store.close()
    for index in (True, False):
        if not index:
            (tmp_path / "index.json").unlink()
        again = open_store(tmp_path, IDENTITY)
        assert [block.tokens for block in again.table.blocks] == [1, 6]
        assert torch.equal(again.table.blocks[0].all_layers(), first)
        assert again.lost == ()
        again.close()


def test_replaced_blocks_do_not_come_back_after_a_crash(tmp_path: Path) -> None:
    store = filled(open_store(tmp_path, IDENTITY, StoreBudget(ram=2 * SIZE)), 6)
    store.save()
    made = store.new_block(memory(50), start=0.0, end=4.0, replaces=(0, 1, 2, 3))
    store.replace([made], [torch.ones(3, 16)])
    filled(store, 2, first=6)  # the new block is spilled
    store.close()  # no save: the index still names the old ones
    for index in (True, False):
        if not index:
            (tmp_path / "index.json").unlink()
        again = open_store(tmp_path, IDENTITY)
        assert [(block.start, block.end) for block in again.table.blocks] == [
            (0.0, 4.0),
            (4.0, 5.0),
            (5.0, 6.0),
        ]
        assert torch.equal(again.table.blocks[0].all_layers(), memory(50))
        again.close()


def test_a_block_of_a_longer_step_holds_its_own_bytes_only(rekv: Rekv) -> None:
    state, _ = rekv.step(rekv.init_state(), frames(5))
    for block in state.store.table.blocks:
        assert block.memory is not None
        assert block.memory.untyped_storage().nbytes() == block.size


@pytest.mark.slow
def test_one_thread_answers_while_another_stores(tmp_path: Path, rekv: Rekv) -> None:
    store = open_store(tmp_path, rekv.identity, StoreBudget(ram=2 * SIZE))
    state = watched(rekv, store, 6)
    expected = list(rekv_answer(rekv, state, QUESTION, until=6.0, max_tokens=4))
    problems: list[BaseException] = []
    done = threading.Event()

    def ask() -> None:
        try:
            while not done.is_set():
                assert list(rekv_answer(rekv, state, QUESTION, until=6.0, max_tokens=4)) == expected
        except BaseException as error:  # noqa: BLE001  (handed to the test's own thread)
            problems.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    for frame in frames(60, first=6):
        rekv.step(state, [frame])
    done.set()
    thread.join()
    assert problems == []
    assert store.table.count == 66
    with pytest.raises(EmptyMemoryError):
        rekv.retrieve(state, QUESTION, until=0.5)
    store.close()


def test_spilling_releases_memory_to_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How much that is worth is measured: `tests.bench.bench_ask`, an hour against six."""
    store = open_store(tmp_path, {"a": 1}, StoreBudget(ram=2 * SIZE))
    at: list[int] = []
    monkeypatch.setattr(malloc_trim, "release_free_memory", lambda: at.append(store.sizes.disk))
    monkeypatch.setattr("models.memory.kv_store.tiers.RELEASE_INTERVAL", 3 * SIZE)
    for number in range(12):  # ten are spilled
        store.append(memory(number), start=float(number), end=number + 1.0)
    assert len(at) == 3
    assert at == sorted(set(at))
    store.close()


def test_releasing_memory_keeps_what_is_held() -> None:
    held = [torch.full((300,), float(n)) for n in range(50)]
    malloc_trim.release_free_memory()
    assert all(bool((part == n).all()) for n, part in enumerate(held))
