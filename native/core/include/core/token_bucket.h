// Token bucket: a bucket of `capacity` tokens, full at first, refilled continuously with `refill`
// tokens every `every`. A call of cost n takes n tokens, or is denied and takes none.
//
// Guarantee: in any interval of length T it admits at most capacity + T * refill / every units.
// Memory: one 64-bit number a key. Arithmetic and source: core/tat.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/policy_fault.h"
#include "core/tat.h"
#include "core/time.h"

namespace sluice {

class TokenBucket {
 public:
  /// Names the algorithm and the format of its state. States of another tag are never read.
  static constexpr std::string_view kStateTag = "tb1";

  /// Builds a bucket, or says in `fault` what is wrong with the numbers.
  ///   capacity  tokens, 1 to 2^42
  ///   refill    tokens added every `every`, 1 to 2^42
  ///   every     at least 1 ns
  /// One token takes I = ceil(every / refill) ns. Refused where that rounding slows the rate by
  /// more than 1 %, and where a full refill (capacity * I) is longer than 100 days.
  static std::optional<TokenBucket> Make(std::int64_t capacity, std::int64_t refill, Nanos every,
                                         PolicyFault& fault);

  const TatRule& rule() const { return rule_; }
  std::int64_t refill() const { return refill_; }
  Nanos every() const { return every_; }

  /// See CheckTat. `tat` = Nanos{0} (or any moment that has passed) is a key never seen.
  constexpr TatStep Check(Nanos tat, std::int64_t n, Nanos now) const {
    return CheckTat(rule_, tat, n, now);
  }

  bool operator==(const TokenBucket& other) const {
    return rule_.capacity == other.rule_.capacity && rule_.interval == other.rule_.interval;
  }

 private:
  TokenBucket(TatRule rule, std::int64_t refill, Nanos every)
      : rule_(rule), refill_(refill), every_(every) {}

  TatRule rule_;
  std::int64_t refill_;
  Nanos every_;
};

}  // namespace sluice
