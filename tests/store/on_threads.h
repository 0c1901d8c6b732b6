// Runs work on many threads.
#pragma once

#include <barrier>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace sluice::testing {

#if defined(__SANITIZE_THREAD__)
inline constexpr std::int64_t kScale = 1;
#elif defined(__SANITIZE_ADDRESS__)
inline constexpr std::int64_t kScale = 3;
#else
inline constexpr std::int64_t kScale = 10;
#endif

inline constexpr int kThreads = 8;

/// Runs `work(thread)` on all threads, started together, and waits for them.
inline void OnThreads(const std::function<void(int)>& work) {
  std::barrier start(kThreads);
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      start.arrive_and_wait();
      work(t);
    });
  }
}

}  // namespace sluice::testing
