// Leaky bucket: charges fill a bucket of `capacity` that leaks `leak` units every `every`. As a
// meter (police) it denies calls that would overflow it. As a queue (shape) it also gives each
// admitted call a delay, so that calls leave at the leak rate, first in, first out.
//
// Guarantee: in any interval of length T it admits at most capacity + T * leak / every units. If
// shaped calls of cost 1 wait for their delay, at most 1 + T * leak / every leave.
// Memory: one 64-bit number per key. Arithmetic: core/tat.h. Source: J. Turner, "New directions in
// communications", IEEE Communications Magazine 24(10), 1986.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/policy_fault.h"
#include "core/tat_algorithm.h"
#include "core/tat_rule.h"
#include "core/time.h"

namespace sluice {

class LeakyBucket : public TatAlgorithm {
 public:
  static constexpr std::string_view kName = "leakyBucket";
  enum class Mode : std::uint8_t { kPolice, kShape };

  /// See TokenBucket::StateTag. Both modes keep the same state.
  static std::string_view StateTag() { return "lb1"; }

  /// See MakeTatRule for ranges and faults: kRate is `leak`.
  static std::optional<LeakyBucket> Make(std::int64_t capacity, std::int64_t leak, Nanos every,
                                         Mode mode, PolicyFault& fault) {
    const std::optional<TatRule> rule = MakeTatRule(capacity, leak, every, fault);
    if (!rule) return std::nullopt;
    return LeakyBucket(*rule, mode);
  }

  static constexpr std::size_t kNumbers = 4;
  static std::optional<LeakyBucket> FromNumbers(std::span<const std::int64_t, kNumbers> numbers,
                                                PolicyFault& fault) {
    fault = PolicyFault::kChoice;
    if (numbers[3] < 0 || numbers[3] > 1) return std::nullopt;
    return Make(numbers[0], numbers[1], Micros{numbers[2]}, static_cast<Mode>(numbers[3]), fault);
  }

  char letter() const { return mode_ == Mode::kShape ? 'q' : 't'; }
  Mode mode() const { return mode_; }
  std::optional<LeakyBucket> WithLimit(std::int64_t limit) const {
    const std::optional<TatRule> rule = RuleWithCapacity(limit);
    if (!rule) return std::nullopt;
    return LeakyBucket(*rule, mode_);
  }

  /// As TatAlgorithm. A shaping queue admits no more for a caller who waits, and delays at most by
  /// `max_wait`.
  Nanos LargestBacklog(std::int64_t n, Nanos max_wait) const {
    if (mode_ == Mode::kPolice) return TatAlgorithm::LargestBacklog(n, max_wait);
    const Nanos room = TatAlgorithm::LargestBacklog(n, kNoWait);
    return max_wait == kNoWait ? room : std::min(room, max_wait);
  }
  std::array<std::int64_t, 2> WireNumbers(std::int64_t n, Nanos max_wait) const {
    return {LargestBacklog(std::min(n, limit()), max_wait).count(), rule().Span().count()};
  }
  /// As TatAlgorithm. In a shaping queue all but the first wait, so only the last may leave it.
  Reading Aborted(const Reading& r, std::int64_t units, Nanos undrained) const {
    if (mode_ == Mode::kPolice) return TatAlgorithm::Aborted(r, units, undrained);
    return undrained == BacklogOf(r) ? GivenBack(r, units, undrained) : r;
  }
  bool HasFollowers(const Reading& r, Nanos undrained) const {
    if (mode_ == Mode::kPolice) return TatAlgorithm::HasFollowers(r, undrained);
    return undrained > Nanos{0} && undrained < BacklogOf(r);
  }
  /// A shaped call waits until the earlier ones have leaked out.
  Nanos Delay(Nanos backlog, std::int64_t n) const {
    return mode_ == Mode::kShape ? backlog : TatAlgorithm::Delay(backlog, n);
  }

 private:
  LeakyBucket(TatRule rule, Mode mode) : TatAlgorithm(rule), mode_(mode) {}

  Mode mode_;
};

}  // namespace sluice
