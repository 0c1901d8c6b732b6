// Times every single check while a memory store grows from empty to many keys, and prints the
// worst.
//
//   sluice_bench_growth KEYS MAX_KEYS
//
// CPU time of the thread, not time on the wall: what another process does on the machine is not the
// store's fault. Page faults and the clock's own cost (printed too) are included.
// Prints one JSON object; times in ns. Exits 1 when a check was not admitted or a key is missing.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <string_view>
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

// Runs `step(i)` for i < count and returns how long each took, the clock's own cost included.
template <typename Step>
std::vector<std::uint32_t> TimeEach(std::size_t count, Step step) {
  std::vector<std::uint32_t> nanos(count, 1);  // written, so that no page of it is touched below
  std::int64_t before = CpuNanos();
  for (std::size_t i = 0; i < count; ++i) {
    step(i);
    const std::int64_t after = CpuNanos();
    nanos[i] = static_cast<std::uint32_t>(std::min<std::int64_t>(after - before, UINT32_MAX));
    before = after;
  }
  return nanos;
}

// The sample that all but `above` of them do not exceed.
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

int Run(std::size_t keys, std::size_t max_keys) {
  sluice::PolicyFault fault{};
  const auto bucket = sluice::TokenBucket::Make(10, 10, std::chrono::hours(24), fault);
  if (!bucket) return EXIT_FAILURE;
  const std::array policies{sluice::Policy{"default", *bucket}};
  const std::array<std::int64_t, 1> costs{1};
  std::array<sluice::Decision, 1> decisions;

  sluice::MemoryStore store({.max_keys = max_keys, .seed = {1}});
  const std::array scopes{store.Hash("bench")};
  std::size_t admitted = 0;

  std::vector<std::uint32_t> clock = TimeEach(100'000, [](std::size_t) {});
  std::vector<std::uint32_t> checks = TimeEach(keys, [&](std::size_t i) {
    std::array<char, 32> text{"user:"};
    const char* end = std::to_chars(text.data() + 5, text.data() + text.size(), i).ptr;
    const std::string_view key(text.data(), static_cast<std::size_t>(end - text.data()));
    // A frozen clock: nothing expires, so that every key needs a slot of its own.
    admitted += store.Check(store.Hash(key), policies, scopes, costs, Nanos{1}, decisions) ? 1 : 0;
  });

  const std::size_t held = store.stats().keys;
  std::printf(
      "{\"keys\":%zu,\"held\":%zu,\"evicted\":%llu,\"max\":%u,\"p999999\":%u,\"median\":%u,"
      "\"clock\":%u}\n",
      keys, held, static_cast<unsigned long long>(store.stats().evicted), AllBut(checks, 0),
      AllBut(checks, keys / 1'000'000), AllBut(checks, keys / 2), AllBut(clock, clock.size() / 2));
  const bool all_held = max_keys <= keys || held == keys;
  return admitted == keys && all_held ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  const auto keys = argc == 3 ? ParseCount(argv[1]) : std::nullopt;
  const auto max_keys = argc == 3 ? ParseCount(argv[2]) : std::nullopt;
  if (!keys || !max_keys) {
    std::fputs("usage: sluice_bench_growth KEYS MAX_KEYS\n", stderr);
    return 2;
  }
  return Run(*keys, *max_keys);
}
