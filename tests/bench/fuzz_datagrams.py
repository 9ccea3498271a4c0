"""A million damaged datagrams to connected peers: what is dropped, how fast, and what breaks.

    python -m tests.bench.fuzz_datagrams --cases 1000000

Each call takes 10,000 cases. It fails at the first call that ended, could not be closed, left a
task behind, or made the event loop report an exception, and names the seed.
"""

import argparse
import asyncio
import gc
import logging
import random
import time
from collections import Counter
from typing import Any

import psutil

from rtc.aiortc_patches.connection import transports
from tests.event_loop import slow_callbacks
from tests.rtc.client import Camera, Microphone, connected, create_client
from tests.rtc.datagram_fuzz import DatagramFuzzer, seeds_of

CASES_OF_A_CALL = 10_000


async def one_call(seed: int, cases: int, totals: Counter[str]) -> None:
    """Run `cases` against a new peer, and add up its counters."""
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, each: complaints.append(each))
    client = create_client(Camera(), Microphone(), label="oai-events")
    async with connected(client) as peer:
        fuzzer = DatagramFuzzer(client, peer, await seeds_of(client, peer), random.Random(seed))
        await fuzzer.run(cases)
        state = transports(peer._connection)[0].state
        assert (state, peer.closed.is_set()) == ("connected", False), f"seed {seed}: {state}"
        counters = peer._guards.counters
        totals.update(fuzzer.counts)
        totals.update(
            authentic=counters.authentic, dropped=counters.dropped, malformed=counters.malformed
        )
    gc.collect()
    await asyncio.sleep(0)
    assert not complaints, f"seed {seed}: {complaints}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    totals: Counter[str] = Counter()
    process, begun = psutil.Process(), time.monotonic()
    slow: list[str] = []
    for number in range(-(-options.cases // CASES_OF_A_CALL)):
        with slow_callbacks() as found:
            asyncio.run(one_call(options.seed + number, CASES_OF_A_CALL, totals))
        slow += found
        if number % 10 == 9:
            print(
                f"{(number + 1) * CASES_OF_A_CALL:9,} cases, {time.monotonic() - begun:6.0f} s, "
                f"{process.memory_info().rss >> 20} MiB, {process.num_fds()} descriptors, "
                f"{process.num_threads()} threads",
                flush=True,
            )
    print(dict(totals))
    print(f"callbacks over 0.1 s: {len(slow)}", *slow[:10], sep="\n  ")


if __name__ == "__main__":
    main()
