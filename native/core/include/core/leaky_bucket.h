// Leaky bucket: what is charged fills a bucket of `capacity` that leaks `leak` units every `every`.
// As a meter (police) it denies what would overflow. As a queue (shape) it also says how long to
// hold each admitted call back, so that calls leave at the leak rate, first in, first out.
//
// Guarantee: in any interval of length T it admits at most capacity + T * leak / every units; of
// shaped calls of cost 1, held back as told, at most 1 + T * leak / every leave.
// Memory: one 64-bit number a key. Arithmetic: core/tat.h. Source: J. Turner, "New directions in
// communications", IEEE Communications Magazine 24(10), 1986.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/policy_fault.h"
#include "core/tat.h"
#include "core/tat_rule.h"
#include "core/time.h"

namespace sluice {

class LeakyBucket {
 public:
  enum class Mode : std::uint8_t { kPolice, kShape };

  /// See TokenBucket::kStateTag. Both modes keep the same state.
  static constexpr std::string_view kStateTag = "lb1";

  /// See MakeTatRule for ranges and faults: kRate is `leak`.
  static std::optional<LeakyBucket> Make(std::int64_t capacity, std::int64_t leak, Nanos every,
                                         Mode mode, PolicyFault& fault) {
    const std::optional<TatRule> rule = MakeTatRule(capacity, leak, every, fault);
    if (!rule) return std::nullopt;
    return LeakyBucket(*rule, mode);
  }

  const TatRule& rule() const { return rule_; }
  Mode mode() const { return mode_; }
  /// How long to hold an admitted call back that found this `backlog`: until what came before it
  /// has leaked out.
  Nanos Delay(Nanos backlog) const { return mode_ == Mode::kShape ? backlog : Nanos{0}; }

 private:
  LeakyBucket(TatRule rule, Mode mode) : rule_(rule), mode_(mode) {}

  TatRule rule_;
  Mode mode_;
};

}  // namespace sluice
