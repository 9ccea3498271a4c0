"""Ends sessions whose key was revoked or has expired, or has no minutes left."""

import logging
from collections import Counter
from functools import partial
from typing import Never

from web.access.keys.key_file import KeyFileError
from web.context import ServiceContext
from web.errors import failure_message
from web.realtime.call import Call

logger = logging.getLogger(__name__)

INTERVAL = 1.0  # seconds
SAVE_INTERVAL = 10  # seconds between two versions of the file of what keys have used


async def enforce(context: ServiceContext) -> Never:
    """Read the file of keys again when it has changed, and end what is not allowed any more."""
    spent_until = int(context.clock.now())
    while True:
        await context.clock.sleep_until(context.clock.now() + INTERVAL)
        spent_until, before = int(context.clock.now()), spent_until
        await failure_message(_enforce_once(context, spent_until - before), "enforcing limits")
        if spent_until // SAVE_INTERVAL > before // SAVE_INTERVAL:
            await save(context)


async def _enforce_once(context: ServiceContext, seconds: int) -> None:
    await reload(context)
    await end_without_key(context)
    spend_minutes(context, seconds)


async def reload(context: ServiceContext) -> None:
    """Use the keys of a changed file; one that cannot be used changes nothing."""
    key_file = context.doorkeeper.key_file
    if key_file is None:
        return
    try:
        keys = await context.message_worker.run(key_file.poll)
    except KeyFileError as error:
        logger.error("the keys stay as they are: %s", error)  # noqa: TRY400 - no fault of ours
        return
    if keys is not None:
        context.doorkeeper.keys.replace(keys)
        logger.info("%d keys of the file are valid now", len(keys))


async def save(context: ServiceContext) -> None:
    """Keep what keys have used, if there is a file for it."""
    file = context.doorkeeper.usage_file
    if file is not None:
        await failure_message(file.save(context.message_worker), "keeping what keys have used")


async def end_without_key(context: ServiceContext) -> None:
    """End the sessions whose key is not valid any more, and the connections of such viewers."""
    allowed = partial(context.doorkeeper.keys.is_current, now=context.clock.now())
    for record in context.sessions.live():
        if not allowed(record.opener):
            record.request_end("its key was revoked or has expired")
        if isinstance(record.live, Call):
            await record.live.audience.dismiss(allowed)


def spend_minutes(context: ServiceContext, seconds: int) -> None:
    """Take `seconds` of each live session from its key, and end those of a key without any left."""
    live = context.sessions.live()
    counts = Counter(each.opener.key_name for each in live)
    for name, count in counts.items():
        mine = [each for each in live if each.opener.key_name == name]
        caller = context.doorkeeper.keys.current(mine[0].opener)
        if not context.doorkeeper.rates.spend(caller, "minutes", seconds * count):
            for record in mine:
                record.request_end("the minutes of its key are used up")
