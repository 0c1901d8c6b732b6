// Random policies.
#include "support/random_policy.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "support/policies.h"
#include "support/trace.h"

namespace sluice::testing {
namespace {

// A window or ttl in whole microseconds; sometimes the longest or shortest possible.
Nanos RandomSpan(Random& random) {
  constexpr std::int64_t kMost = kLongestSpan / Micros{1};
  if (random.OneIn(20)) return kLongestSpan;
  return Micros{random.Magnitude(random.OneIn(4) ? kMost : 100'000'000)};
}

std::int64_t RandomCount(Random& random, std::int64_t most) {
  if (random.OneIn(12)) return most;
  return random.Magnitude(random.OneIn(4) ? most : 100);
}

Algorithm RandomTatAlgorithm(Random& random) {
  using Mode = LeakyBucket::Mode;
  // First an interval, then a capacity that fits it.
  const std::int64_t interval = random.Magnitude(kLongestSpan.count());
  const std::int64_t most = std::min(kLargestLimit, kLongestSpan.count() / interval);
  const std::int64_t capacity = random.OneIn(8) ? most : random.Magnitude(most);
  // Usually a rate that divides the interval exactly; else rounding slows it a little.
  std::int64_t rate = random.Magnitude(std::int64_t{1} << 20);
  Nanos every{interval * std::min(rate, kLongestSpan.count() / interval)};
  rate = every.count() / interval;
  if (random.OneIn(3)) every -= Nanos{random.Between(0, std::min(rate - 1, every.count() / 101))};
  switch (random.Between(0, 3)) {
    case 0:
      return Bucket(capacity, rate, every);
    case 1:
      return CellRate(capacity, rate, every);
    case 2:
      return Leaky(capacity, rate, every, Mode::kPolice);
    default:
      return Leaky(capacity, rate, every, Mode::kShape);
  }
}

Algorithm RandomAlgorithm(Random& random) {
  using Align = FixedWindow::Align;
  switch (random.Between(0, 9)) {
    case 0:
      return Fixed(RandomCount(random, kLargestLimit), RandomSpan(random), Align::kFirstRequest);
    case 1:
      return Fixed(RandomCount(random, kLargestLimit), RandomSpan(random), Align::kClock);
    case 2:
      return Fixed(RandomCount(random, kLargestLimit), Nanos{0}, Align::kMonth);
    case 3:
    case 4:
      return Sliding(RandomCount(random, kLargestLimit), RandomSpan(random));
    case 5:
    case 6:
      return Log(RandomCount(random, kLargestLogLimit), RandomSpan(random));
    case 7:
      return Slots(RandomCount(random, 30), RandomSpan(random));
    default:
      return RandomTatAlgorithm(random);
  }
}

void DrawOptions(Random& random, Policy& policy) {
  policy.block_for = random.OneIn(5) ? RandomSpan(random) : Nanos{0};
  policy.charge_denied = random.OneIn(4);
  policy.enforce = !random.OneIn(5);
}

}  // namespace

Policy RandomMixedPolicy(Random& random, std::string name) {
  Policy policy{std::move(name), RandomAlgorithm(random)};
  if (random.OneIn(2)) DrawOptions(random, policy);
  return policy;
}

Policy RandomTatPolicy(Random& random, std::string name) {
  return {std::move(name), RandomTatAlgorithm(random)};
}

Policy RandomSuccessor(Random& random, const Policy& policy) {
  Policy successor = policy;
  if (random.OneIn(3)) {
    successor.algorithm = RandomAlgorithm(random);
  } else {
    successor.algorithm = *WithLimit(policy.algorithm, RandomLimit(random, policy));
  }
  if (random.OneIn(2)) DrawOptions(random, successor);
  return successor;
}

std::int64_t RandomLimit(Random& random, const Policy& policy) {
  if (random.OneIn(6)) return 0;
  const std::int64_t own = std::max<std::int64_t>(1, LimitOf(policy.algorithm));
  const std::int64_t drawn =
      random.OneIn(2) ? random.Magnitude(own) : std::min(kLargestLimit, 2 * own);
  return WithLimit(policy.algorithm, drawn) ? drawn : own;
}

std::string Text(const Policy& policy) {
  std::string text = policy.name + ": " + StateTag(policy.algorithm) + ", " +
                     std::to_string(LimitOf(policy.algorithm)) + " at most";
  if (IsTat(policy.algorithm)) {
    text += ", " + std::to_string(RuleOf(policy.algorithm).interval.count()) + " ns each";
  }
  if (policy.block_for > Nanos{0}) {
    text += ", blocks for " + std::to_string(policy.block_for.count()) + " ns";
  }
  if (policy.charge_denied) text += ", charges denials";
  if (!policy.enforce) text += ", shadow";
  return text;
}

}  // namespace sluice::testing
