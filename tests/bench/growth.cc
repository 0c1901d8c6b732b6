// Times every single check while a memory store grows from empty to many keys, and prints the
// slowest.
//
//   sluice_bench_growth ALGORITHM KEYS MAX_KEYS
//
// One check per key, for tokenBucket, fixedWindow, slidingWindow, slidingLog or concurrency.
// Measures the thread's CPU time, not wall time: the store is not to blame for other processes.
// Includes page faults and the clock's own cost (printed too).
// Prints one JSON object; times in ns. Exits with 1 if a check was denied or a key is missing.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "core/policy.h"
#include "store/memory_store.h"

namespace {

using sluice::Nanos;

std::int64_t CpuNanos() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// Runs `step(i)` for i < count and returns the time of each, with the clock's own cost.
template <typename Step>
std::vector<std::uint32_t> TimeEach(std::size_t count, Step step) {
  std::vector<std::uint32_t> nanos(count, 1);  // written, so that its pages exist below
  std::int64_t before = CpuNanos();
  for (std::size_t i = 0; i < count; ++i) {
    step(i);
    const std::int64_t after = CpuNanos();
    nanos[i] = static_cast<std::uint32_t>(std::min<std::int64_t>(after - before, UINT32_MAX));
    before = after;
  }
  return nanos;
}

// The highest sample, without the `above` highest ones.
std::uint32_t AllBut(std::vector<std::uint32_t>& samples, std::size_t above) {
  const auto at =
      samples.end() - 1 - static_cast<std::ptrdiff_t>(std::min(above, samples.size() - 1));
  std::nth_element(samples.begin(), at, samples.end());
  return *at;
}

std::optional<std::size_t> ParseCount(std::string_view text) {
  std::size_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || end != text.data() + text.size() || count == 0) return std::nullopt;
  return count;
}

// Ten calls a day, by each algorithm.
std::optional<sluice::Algorithm> Make(std::string_view name) {
  constexpr Nanos kDay = std::chrono::hours(24);
  sluice::PolicyFault fault{};
  if (name == "tokenBucket") return sluice::TokenBucket::Make(10, 10, kDay, fault);
  if (name == "fixedWindow") {
    return sluice::FixedWindow::Make(10, kDay, sluice::FixedWindow::Align::kFirstRequest, fault);
  }
  if (name == "slidingWindow") return sluice::SlidingWindow::Make(10, kDay, fault);
  if (name == "slidingLog") return sluice::SlidingLog::Make(10, kDay, fault);
  if (name == "concurrency") return sluice::Concurrency::Make(10, kDay, fault);
  return std::nullopt;
}

// A store and one policy.
class Limiter {
 public:
  Limiter(const sluice::Algorithm& algorithm, std::size_t max_keys)
      : has_slots_(std::holds_alternative<sluice::Concurrency>(algorithm)),
        store_({.max_keys = max_keys, .seed = {1}}),
        bound_(store_, {sluice::Policy{.name = "default", .algorithm = algorithm}}, "bench") {}

  // A frozen clock: nothing expires, so every key needs its own entry.
  bool Check(std::size_t i) {
    std::array<char, 32> text{"user:"};
    const char* end = std::to_chars(text.data() + 5, text.data() + text.size(), i).ptr;
    const auto key =
        store_.Hash(std::string_view(text.data(), static_cast<std::size_t>(end - text.data())));
    sluice::Operation check;
    if (has_slots_) {
      options_->holder = {.high = 1, .low = i};
      check.options = options_;
    }
    store_.Execute(bound_, {&key, 1}, check, kNow, result_);
    return result_.allowed;
  }

  sluice::MemoryStore::Stats stats() const { return store_.stats(); }

 private:
  static constexpr Nanos kNow{1};

  bool has_slots_;
  sluice::MemoryStore store_;
  sluice::BoundPolicies bound_;
  std::shared_ptr<sluice::Operation::Options> options_ =
      std::make_shared<sluice::Operation::Options>();
  sluice::Result result_;
};

int Run(const sluice::Algorithm& algorithm, std::size_t keys, std::size_t max_keys) {
  Limiter limiter(algorithm, max_keys);
  std::size_t admitted = 0;
  std::vector<std::uint32_t> clock = TimeEach(100'000, [](std::size_t) {});
  std::vector<std::uint32_t> checks =
      TimeEach(keys, [&](std::size_t i) { admitted += limiter.Check(i) ? 1 : 0; });

  const auto stats = limiter.stats();
  std::printf(
      "{\"keys\":%zu,\"held\":%zu,\"evicted\":%llu,\"max\":%u,\"p999999\":%u,\"median\":%u,"
      "\"clock\":%u}\n",
      keys, stats.keys, static_cast<unsigned long long>(stats.evicted), AllBut(checks, 0),
      AllBut(checks, keys / 1'000'000), AllBut(checks, keys / 2), AllBut(clock, clock.size() / 2));
  const bool all_held = max_keys <= keys || stats.keys == keys;
  return admitted == keys && all_held ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  const auto algorithm = argc == 4 ? Make(argv[1]) : std::nullopt;
  const auto keys = argc == 4 ? ParseCount(argv[2]) : std::nullopt;
  const auto max_keys = argc == 4 ? ParseCount(argv[3]) : std::nullopt;
  if (!algorithm || !keys || !max_keys) {
    std::fputs("usage: sluice_bench_growth ALGORITHM KEYS MAX_KEYS\n", stderr);
    return 2;
  }
  return Run(*algorithm, *keys, *max_keys);
}
