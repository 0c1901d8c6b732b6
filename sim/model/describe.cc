// Descriptions of policies.
#include "model/describe.h"

#include <algorithm>

#include "model/duration.h"

namespace sluice::sim {
namespace {

std::string Count(std::int64_t count) { return FormatCount(count); }

// "10 a second", "3 a minute"
std::string Pace(double a_second) {
  return a_second >= 1 ? FormatNumber(a_second, 1) + " a second"
                       : FormatNumber(a_second * 60, 2) + " a minute";
}

std::string WindowText(const PolicyNumbers& numbers) {
  return numbers.month ? "a calendar month" : FormatDuration(numbers.window);
}

std::string FixedWindowText(const PolicyNumbers& numbers) {
  if (numbers.month) return "limit " + Count(numbers.limit) + " a calendar month";
  return "limit " + Count(numbers.limit) + ", window " + WindowText(numbers) +
         (numbers.by_clock ? ", by the clock" : ", from the first request");
}

}  // namespace

std::string DescribePolicy(const ChosenPolicy& policy) {
  const PolicyNumbers& n = policy.numbers;
  const std::string every = " every " + FormatDuration(n.every);
  std::string text = std::string(TitleOf(policy.kind())) + ": ";
  switch (policy.kind()) {
    case AlgorithmKind::kTokenBucket:
      return text + "capacity " + Count(n.capacity) + ", refill " + Count(n.refill) + every;
    case AlgorithmKind::kGcra:
      return text + "limit " + Count(n.limit) + every + ", burst " + Count(n.burst);
    case AlgorithmKind::kLeakyBucket:
      return text + "capacity " + Count(n.capacity) + ", leak " + Count(n.leak) + every + ", " +
             TextOf(n, Field::kMode);
    case AlgorithmKind::kFixedWindow:
      return text + FixedWindowText(n);
    case AlgorithmKind::kSlidingWindow:
    case AlgorithmKind::kSlidingLog:
      return text + "limit " + Count(n.limit) + ", window " + WindowText(n);
    case AlgorithmKind::kConcurrency:
      return text + "limit " + Count(n.limit) + ", ttl " + FormatDuration(n.ttl);
  }
  return text;
}

std::string DescribeLimit(const ChosenPolicy& policy) {
  const PolicyNumbers& n = policy.numbers;
  std::string most = "At most " + Count(policy.limit());
  switch (policy.kind()) {
    case AlgorithmKind::kLeakyBucket:
      if (n.mode == LeakyBucket::Mode::kShape) {
        return most + " in the queue, forwarded at " + Pace(*PacePerSecond(policy));
      }
      [[fallthrough]];
    case AlgorithmKind::kTokenBucket:
    case AlgorithmKind::kGcra:
      return most + " at once, then " + Pace(*PacePerSecond(policy));
    case AlgorithmKind::kFixedWindow:
      return most + " in each window, so up to twice that across a boundary";
    case AlgorithmKind::kSlidingWindow:
      return "About " + Count(policy.limit()) + " in any " + WindowText(n);
    case AlgorithmKind::kSlidingLog:
      return most + " in any " + WindowText(n) + ", exactly";
    case AlgorithmKind::kConcurrency:
      return most + " at a time";
  }
  return most;
}

std::string DescribeDetail(const ChosenPolicy& policy) {
  const PolicyNumbers& n = policy.numbers;
  switch (policy.kind()) {
    case AlgorithmKind::kTokenBucket:
    case AlgorithmKind::kGcra:
    case AlgorithmKind::kLeakyBucket: {
      const char* unit = policy.kind() == AlgorithmKind::kTokenBucket ? "one token" : "one unit";
      return std::string(unit) + " every " + FormatDuration(RuleOf(policy.algorithm).interval);
    }
    case AlgorithmKind::kFixedWindow:
      return n.by_clock || n.month ? "" : "a window starts at the first request after the last";
    case AlgorithmKind::kSlidingWindow:
      return "the window before counts by its overlap";
    case AlgorithmKind::kSlidingLog:
      return "every admitted call is remembered";
    case AlgorithmKind::kConcurrency:
      return "a call holds its slot for " + FormatDuration(n.hold) +
             (n.hold_kind == HoldKind::kFixed ? "" : " on average");
  }
  return {};
}

std::optional<double> PacePerSecond(const ChosenPolicy& policy) {
  if (IsTat(policy.algorithm)) {
    return 1e9 / static_cast<double>(RuleOf(policy.algorithm).interval.count());
  }
  const Nanos window = WindowOf(policy);
  if (window == Nanos{0}) return std::nullopt;
  return static_cast<double>(policy.limit()) / ToSeconds(window);
}

std::string_view PaceName(AlgorithmKind kind) {
  switch (kind) {
    case AlgorithmKind::kTokenBucket:
      return "refill";
    case AlgorithmKind::kLeakyBucket:
      return "leak";
    default:
      return "limit";
  }
}

std::string_view UnitsOf(AlgorithmKind kind) {
  return kind == AlgorithmKind::kTokenBucket ? "tokens" : "units";
}

Nanos WindowOf(const ChosenPolicy& policy) {
  if (const auto* fixed = std::get_if<FixedWindow>(&policy.algorithm)) return fixed->window();
  if (const auto* sliding = std::get_if<SlidingWindow>(&policy.algorithm)) return sliding->window();
  if (const auto* log = std::get_if<SlidingLog>(&policy.algorithm)) return log->window();
  return Nanos{0};
}

Nanos TimeToShow(const ChosenPolicy& policy) {
  return std::max<Nanos>(std::chrono::seconds(10), 5 * WindowOf(policy));
}

}  // namespace sluice::sim
