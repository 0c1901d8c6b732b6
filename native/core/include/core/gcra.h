// Generic cell rate algorithm: calls arrive `every / limit` apart, and may come early by up to
// `burst - 1` of them. It is the token bucket in the terms of its source.
//
// Guarantee: in any interval of length T it admits at most burst + T * limit / every units.
// Memory: one 64-bit number per key. Arithmetic and source: core/tat.h.
#pragma once

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

class Gcra : public TatAlgorithm {
 public:
  static constexpr std::string_view kName = "gcra";
  /// See TokenBucket::StateTag.
  static std::string_view StateTag() { return "gc1"; }

  /// `limit` units every `every` in the long run, `burst` at once. See MakeTatRule for ranges and
  /// faults: kCapacity is `burst`, kRate `limit`.
  static std::optional<Gcra> Make(std::int64_t burst, std::int64_t limit, Nanos every,
                                  PolicyFault& fault) {
    const std::optional<TatRule> rule = MakeTatRule(burst, limit, every, fault);
    if (!rule) return std::nullopt;
    return Gcra(*rule);
  }

  static constexpr std::size_t kNumbers = 3;
  static std::optional<Gcra> FromNumbers(std::span<const std::int64_t, kNumbers> numbers,
                                         PolicyFault& fault) {
    return Make(numbers[0], numbers[1], Micros{numbers[2]}, fault);
  }

  std::optional<Gcra> WithLimit(std::int64_t limit) const {
    const std::optional<TatRule> rule = RuleWithCapacity(limit);
    if (!rule) return std::nullopt;
    return Gcra(*rule);
  }

 private:
  explicit Gcra(TatRule rule) : TatAlgorithm(rule) {}
};

}  // namespace sluice
