"""Times of compiled functions, taken so that two of them can be compared on a machine that others use too."""

import concurrent.futures
import statistics
import time
from collections.abc import Callable, Mapping

import jax

from dcnv4_jax import workers


def median_seconds(
    calls: Mapping[str, Callable[[], object]], *, rounds: int, seconds_per_round: float, wait=jax.block_until_ready
) -> dict[str, float]:
    """Median time of each call over `rounds` rounds; in a round, every call runs in turn for about `seconds_per_round`.

    Calls are queued and waited for together, so that the time to start one does not count where the device runs meanwhile. The
    processes of a `workers.pool` compile side by side and are timed one after the other.
    """
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(lambda call: wait(call()), calls.values()))  # compiles, side by side
    times = {name: [] for name in calls}
    with workers.turn():
        repeats = {name: max(1, int(seconds_per_round / _seconds(call, 1, wait))) for name, call in calls.items()}
        for _ in range(rounds):
            for name, call in calls.items():
                times[name].append(_seconds(call, repeats[name], wait))
    return {name: statistics.median(samples) for name, samples in times.items()}


def _seconds(call, repeats, wait) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        result = call()
    wait(result)
    return (time.perf_counter() - start) / repeats
