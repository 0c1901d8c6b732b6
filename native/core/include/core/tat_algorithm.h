// The common part of the algorithms whose state is one TAT. Arithmetic and source: core/tat.h.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/algorithm_defaults.h"
#include "core/policy_fault.h"
#include "core/reading.h"
#include "core/tat.h"
#include "core/time.h"

namespace sluice {

/// The maximum wait of a check that does not wait; see TatAlgorithm::LargestBacklog.
inline constexpr Nanos kNoWait{-1};

/// Reading: {ns of backlog}.
class TatAlgorithm : public AlgorithmDefaults {
 public:
  static constexpr bool kIsTat = true;
  static constexpr std::size_t kReadingSize = 1;
  /// LONGEST of the script: 100 days, and three for a clock that stepped back.
  static constexpr std::int64_t kLargestReading = 8'900'000'000'000'000;
  /// The script keeps a TAT modulo this many ns.
  static constexpr std::int64_t kWireModulus = 9'000'000'000'000'000;

  static constexpr char letter() { return 't'; }

  constexpr const TatRule& rule() const { return rule_; }
  std::int64_t limit() const { return rule_.capacity; }
  /// A full refill of it takes at most 100 days.
  std::int64_t LargestLimit() const {
    return std::min(kLargestLimit, kLongestSpan / rule_.interval);
  }

  /// Whether a call of cost n can never be admitted.
  bool NeverFits(std::int64_t n) const { return n > limit(); }
  // The functions below REQUIRE that it can.
  Reading Charged(Reading r, std::int64_t n) const {
    r.numbers[0] += Charge(n).count();
    return r;
  }
  /// A denied call fills the bucket at most.
  Reading ChargedDenied(Reading r, std::int64_t n) const {
    const Nanos full = std::max(BacklogOf(r), rule_.Span());
    r.numbers[0] = std::min(full, BacklogOf(r) + Charge(n)).count();
    return r;
  }
  std::int64_t Remaining(const Reading& r) const {
    return std::max(Nanos{0}, rule_.Span() - BacklogOf(r)) / rule_.interval;
  }
  Nanos ResetAfter(const Reading& r) const { return BacklogOf(r); }

  /// Charges always: into debt, but to no more than 100 days.
  Reading Debited(Reading r, std::int64_t units) const {
    const Nanos debt = std::min(units, kLongestSpan / rule_.interval + 1) * rule_.interval;
    r.numbers[0] = std::max(BacklogOf(r), std::min(kLongestSpan, BacklogOf(r) + debt)).count();
    return r;
  }
  /// Gives back up to `units` of a charge, and at most `undrained`, the undrained part of it, if
  /// that is known.
  Reading GivenBack(Reading r, std::int64_t units, std::optional<Nanos> undrained) const {
    const Nanos backlog = BacklogOf(r);
    const Nanos most = std::max(Nanos{0}, std::min(backlog, undrained.value_or(backlog)));
    r.numbers[0] -=
        std::min(std::min(units, most / rule_.interval + 1) * rule_.interval, most).count();
    return r;
  }
  /// The same for a call that gave up waiting for its turn. Gives nothing back if others wait
  /// behind it: the next caller would get the turn of the last of them.
  Reading Aborted(const Reading& r, std::int64_t units, Nanos undrained) const {
    if (BacklogOf(r) > rule_.Span() && undrained != BacklogOf(r)) return r;
    return GivenBack(r, units, undrained);
  }
  /// Whether Aborted gives nothing back because others wait behind the call. Once they have given
  /// up too, the call is the last in line, and Aborted gives its charge back.
  bool HasFollowers(const Reading& r, Nanos undrained) const {
    return BacklogOf(r) > rule_.Span() && undrained > Nanos{0} && undrained < BacklogOf(r);
  }

  /// The largest backlog at which a call of cost n (at most the capacity) is admitted if it may
  /// wait for up to `max_wait`; below 0 if there is none. kNoWait: it may not wait.
  Nanos LargestBacklog(std::int64_t n, Nanos max_wait) const {
    const Nanos reach = std::min(kLongestSpan, rule_.Span() + std::max(Nanos{0}, max_wait));
    return reach - Charge(n);
  }
  /// The delay of a call of cost n that was admitted at this backlog.
  Nanos Delay(Nanos backlog, std::int64_t n) const {
    return n == 0 ? Nanos{0} : std::max(Nanos{0}, backlog + Charge(n) - rule_.Span());
  }

  /// In ns. Larger costs stop where the script's numbers do, further than it charges.
  std::int64_t WireCost(std::int64_t units) const {
    const std::int64_t interval = rule_.interval.count();
    return std::min(kWireModulus, std::min(units, kWireModulus / interval + 1) * interval);
  }
  /// {the largest backlog beside which the call is admitted, a full refill}, in ns.
  std::array<std::int64_t, 2> WireNumbers(std::int64_t n, Nanos max_wait) const {
    return {LargestBacklog(std::min(n, limit()), max_wait).count(), rule_.Span().count()};
  }

 protected:
  explicit TatAlgorithm(TatRule rule) : rule_(rule) {}

  static Nanos BacklogOf(const Reading& r) { return Nanos{r.numbers[0]}; }
  /// Precondition: n <= capacity.
  Nanos Charge(std::int64_t n) const { return n * rule_.interval; }

  /// The rule with another capacity; none if it is out of range.
  std::optional<TatRule> RuleWithCapacity(std::int64_t capacity) const {
    if (capacity < 0 || capacity > LargestLimit()) return std::nullopt;
    return TatRule{capacity, rule_.interval};
  }

 private:
  TatRule rule_;
};

}  // namespace sluice
