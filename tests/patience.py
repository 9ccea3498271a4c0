"""How tests wait for something that must come: a busy machine is no failure."""

import asyncio

PATIENCE = 300.0  # seconds after which it is taken to hang


async def until_listening(port: int) -> None:
    """Wait until something accepts TCP connections on `port` of this machine."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.sleep(0)
            continue
        writer.close()
        await writer.wait_closed()
        return
