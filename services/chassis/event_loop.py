"""The event loop's lag: how much later than asked it comes back, which is what every request waits for beside its own work."""

import asyncio
import time
from typing import Final

from services.chassis import metrics

LOOK_SECONDS: Final = 0.5


async def watch_event_loop() -> None:
    """Measure until cancelled."""
    while True:
        asked = time.perf_counter()
        await asyncio.sleep(LOOK_SECONDS)
        metrics.EVENT_LOOP_LAG_SECONDS.observe(max(0, time.perf_counter() - asked - LOOK_SECONDS))
