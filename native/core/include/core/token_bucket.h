// Token bucket: a bucket of `capacity` tokens, full at first, refilled continuously with `refill`
// tokens every `every`. A call of cost n takes n tokens, or is denied and takes none.
//
// Guarantee: in any interval of length T it admits at most capacity + T * refill / every units.
// Memory: one 64-bit number per key. Arithmetic and source: core/tat.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/policy_fault.h"
#include "core/tat.h"
#include "core/tat_algorithm.h"
#include "core/tat_rule.h"
#include "core/time.h"

namespace sluice {

class TokenBucket : public TatAlgorithm {
 public:
  static constexpr std::string_view kName = "tokenBucket";
  /// The algorithm and the format of its state. States with another tag are never read.
  static std::string_view StateTag() { return "tb1"; }

  /// A bucket of `capacity` tokens into which `refill` flow back every `every`. See MakeTatRule for
  /// ranges and faults.
  static std::optional<TokenBucket> Make(std::int64_t capacity, std::int64_t refill, Nanos every,
                                         PolicyFault& fault) {
    const std::optional<TatRule> rule = MakeTatRule(capacity, refill, every, fault);
    if (!rule) return std::nullopt;
    return TokenBucket(*rule, refill, every);
  }

  static constexpr std::size_t kNumbers = 3;
  static std::optional<TokenBucket> FromNumbers(std::span<const std::int64_t, kNumbers> numbers,
                                                PolicyFault& fault) {
    return Make(numbers[0], numbers[1], Micros{numbers[2]}, fault);
  }

  std::int64_t refill() const { return refill_; }
  Nanos every() const { return every_; }
  std::optional<TokenBucket> WithLimit(std::int64_t limit) const {
    const std::optional<TatRule> rule = RuleWithCapacity(limit);
    if (!rule) return std::nullopt;
    return TokenBucket(*rule, refill_, every_);
  }

  bool operator==(const TokenBucket& other) const {
    return rule().capacity == other.rule().capacity && rule().interval == other.rule().interval;
  }

 private:
  TokenBucket(TatRule rule, std::int64_t refill, Nanos every)
      : TatAlgorithm(rule), refill_(refill), every_(every) {}

  std::int64_t refill_;
  Nanos every_;
};

}  // namespace sluice
