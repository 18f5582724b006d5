"""One thread that reads plates for all requests, one after the other."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable
from typing import Any


class Worker:
    """Runs functions in turn, in a thread of its own, so that the server goes on listening meanwhile."""

    def __init__(self):
        self._thread = concurrent.futures.ThreadPoolExecutor(max_workers=1, thread_name_prefix="reader")

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """The function's result. If the caller is cancelled, a function that has not begun never will."""
        return await asyncio.wrap_future(self._thread.submit(function, *arguments))

    def close(self) -> None:
        """Ends the thread after what it is doing; what waits is dropped."""
        self._thread.shutdown(wait=True, cancel_futures=True)
