// Work over XLA's own intra-op thread pool.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "xla/ffi/api/ffi.h"

namespace dcnv4 {

// Sets the argument to the next item that no thread has, and is false when none is left.
using Claim = std::function<bool(int64_t&)>;

// Calls work(claim) in several threads; returns when all `count` items that `claim` hands out are done.
// The calling thread works too and waits only for threads that hold an item, so a pool whose threads are all busy cannot stall it.
inline void parallel_for(xla::ffi::ThreadPool& pool, int64_t count, const std::function<void(const Claim&)>& work) {
  struct State {
    std::mutex mutex;
    std::condition_variable left;
    int64_t next = 0;
    int64_t working = 0;
  };
  const auto state = std::make_shared<State>();
  // A thread that comes after the last item must not touch `work`, which may be gone by then.
  const auto join = [state, count, &work] {
    {
      const std::lock_guard<std::mutex> lock(state->mutex);
      if (state->next >= count) return;
      ++state->working;
    }
    work([&](int64_t& item) {
      const std::lock_guard<std::mutex> lock(state->mutex);
      item = state->next;
      return state->next < count && (++state->next, true);
    });
    const std::lock_guard<std::mutex> lock(state->mutex);
    --state->working;
    state->left.notify_all();
  };
  const int64_t threads = std::min<int64_t>(count, std::max<int64_t>(pool.num_threads(), 1));
  for (int64_t i = 1; i < threads; ++i) pool.Schedule([join] { join(); });
  join();
  std::unique_lock<std::mutex> lock(state->mutex);
  state->left.wait(lock, [&] { return state->working == 0; });
}

}  // namespace dcnv4
