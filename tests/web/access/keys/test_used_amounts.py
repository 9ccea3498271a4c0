"""What keys have used, as several processes know it, and the file that keeps it."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.worker import Worker
from web.access.keys import used_amounts
from web.access.keys.revoked_secrets import RevokedSecrets
from web.access.keys.usage_file import UsageFile
from web.access.keys.used_amounts import DAY, UsedAmounts, UsedCell

STEPS = st.tuples(st.integers(0, 2), st.sampled_from("ab"), st.integers(0, 2), st.integers(0, 9))


class Today:
    now = 20_000.5 * DAY

    def __call__(self) -> float:
        return self.now


@given(st.lists(STEPS, max_size=30))
def test_processes_that_have_told_each_other_know_what_all_have_used(
    steps: list[tuple[int, str, int, int]],
) -> None:
    """Against one plain sum a day, whatever was told when; half of the day before still counts."""
    today = Today()
    processes = [UsedAmounts(today) for _ in range(3)]
    sums = {("a", 0): 0, ("a", 1): 0, ("b", 0): 0, ("b", 1): 0}
    told = dict.fromkeys(range(3), 0)
    for day in (0, 1):
        today.now = (20_000.5 + day) * DAY
        for who, name, other, amount in steps:
            processes[who].add(name, amount)
            sums[name, day] += amount
            processes[other].merge(processes[who].changes(told[who]))
            if other == (who + 1) % 3 == 0:
                told[who] = 0
    for each in processes:
        for another in processes:
            each.merge(another.changes())
    for name in "ab":
        expected = 0.5 * sums[name, 0] + sums[name, 1]
        assert [each.counts(name).used() for each in processes] == [expected] * 3
    today.now += 2 * DAY
    assert processes[0].counts("a").used() == 0


def test_changes_are_those_since_a_version_and_of_one_process_if_wanted() -> None:
    today = Today()
    one, other = UsedAmounts(today), UsedAmounts(today)
    one.add("a", 1)
    version = one.version
    other.add("b", 2)
    one.merge(other.changes())
    one.add("c", 3)
    assert {each.name for each in one.changes(version)} == {"b", "c"}
    assert [each.name for each in one.changes(version, of=one.process)] == ["c"]
    before = one.version
    one.merge(other.changes())
    assert one.version == before, "what is told twice changes nothing"


def test_cells_are_bounded_and_earlier_days_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(used_amounts, "MAX_CELLS", 3)
    today = Today()
    used = UsedAmounts(today)
    for name in "abcd":
        used.add(name, 1)
    assert [used.counts(name).now for name in "abcd"] == [0, 1, 1, 1]
    today.now += 2 * DAY
    used.add("a", 1)
    assert [each.name for each in used.changes()] == ["a"]
    used.merge([UsedCell("e", 20_000, "x", 5)])
    assert used.counts("e").before == 0


@pytest.fixture
def disk() -> Iterator[Worker]:
    worker = Worker("disk")
    yield worker
    worker.end()


def names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


async def test_a_file_keeps_what_several_services_have_used(tmp_path: Path, disk: Worker) -> None:
    today, path = Today(), tmp_path / "keys.toml.used"
    first, second = UsedAmounts(today), UsedAmounts(today)
    files = [UsageFile(path, first), UsageFile(path, second)]
    for file in files:
        file.load()
    first.add("a", 5)
    second.add("a", 7)
    for file in files:
        await file.save(disk)
    started_again = UsedAmounts(today)
    UsageFile(path, started_again).load()
    assert started_again.counts("a").now == 12
    assert names(tmp_path) == [path.name]


async def test_only_the_thread_that_counts_reads_and_changes_the_counts(
    tmp_path: Path, disk: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change while another thread goes through them would be an error, or be lost."""
    threads = set()
    for name in ("merge", "changes"):
        method = getattr(UsedAmounts, name)

        def noted(*given: Any, method: Any = method, **named: Any) -> Any:
            threads.add(threading.get_ident())
            return method(*given, **named)

        monkeypatch.setattr(UsedAmounts, name, noted)
    used = UsedAmounts(Today())
    used.add("a", 1)
    await UsageFile(tmp_path / "used", used).save(disk)
    assert threads == {threading.get_ident()}


async def test_a_file_that_is_damaged_or_cannot_be_written_is_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, disk: Worker
) -> None:
    used, path = UsedAmounts(Today()), tmp_path / "used"
    path.write_text('[["a", "x"]]')
    UsageFile(path, used).load()
    assert "not what this service writes" in caplog.text
    caplog.clear()
    used.add("a", 1)
    nowhere = UsageFile(tmp_path / "none" / "used", used)
    for _ in range(2):
        await nowhere.save(disk)
    warnings = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert len(warnings) == 1, "said once"
    assert "a restart forgets" in warnings[0].message


def test_revoked_secrets_are_told_once_and_the_oldest_leave(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("web.access.keys.revoked_secrets.MAX_REVOKED", 2)
    revoked = RevokedSecrets()
    revoked.merge(["a", "b"])
    version = revoked.version
    revoked.merge(["a"])
    assert revoked.changes(version) == []
    revoked.merge(["c"])
    assert revoked.changes(version) == ["c"]
    assert ["a" in revoked, "b" in revoked, "c" in revoked] == [False, True, True]
