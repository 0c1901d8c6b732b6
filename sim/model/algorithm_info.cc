#include "algorithm_info.h"

#include <array>

#include "model/describe.h"
#include "model/duration.h"

namespace sluice::sim {
namespace {

// In the order of AlgorithmKind.
constexpr std::array kInfos{&kTokenBucketInfo, &kGcraInfo,          &kLeakyBucketInfo,
                            &kFixedWindowInfo, &kSlidingWindowInfo, &kSlidingLogInfo,
                            &kConcurrencyInfo};
static_assert(kInfos.size() == kAlgorithmKinds.size());

}  // namespace

const AlgorithmInfo& InfoOf(AlgorithmKind kind) { return *kInfos[static_cast<std::size_t>(kind)]; }

std::string PaceText(const ChosenPolicy& policy) {
  const double a_second = *PacePerSecond(policy);
  return a_second >= 1 ? FormatNumber(a_second, 1) + " a second"
                       : FormatNumber(a_second * 60, 2) + " a minute";
}

std::string WindowNumbers(const PolicyNumbers& numbers) {
  return "limit " + FormatCount(numbers.limit) + ", window " + FormatDuration(numbers.window);
}

std::string AtMost(const ChosenPolicy& policy) { return "At most " + FormatCount(policy.limit()); }

}  // namespace sluice::sim
