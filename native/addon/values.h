// JavaScript values read for the core. JavaScript has checked types and ranges before they get
// here.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/policy.h"
#include "core/time.h"
#include "store/memory_store.h"

namespace sluice::addon {

/// A string's UTF-16 code units, exact for every string: lone surrogates stay distinct. Short ones
/// are held in place. Valid while the object lives.
class StringUnits {
 public:
  StringUnits(napi_env env, napi_value string);

  std::u16string_view units() const { return units_; }
  /// The units' memory: what distinguishes one string from all others in this process.
  std::string_view bytes() const {
    return {reinterpret_cast<const char*>(units_.data()), units_.size() * sizeof(char16_t)};
  }

 private:
  char16_t in_place_[128];
  std::u16string long_;
  std::u16string_view units_;
};

/// UTF-8, with a lone surrogate written as the three bytes that its number would take (WTF-8), so
/// that distinct strings give distinct bytes. Source: https://simonsapin.github.io/wtf-8/
std::string ToUtf8(std::u16string_view units);

/// Microseconds, as the whole numbers JavaScript passes, from 0 to 2^53.
inline Nanos FromMicros(double us) { return Nanos{static_cast<std::int64_t>(us) * 1000}; }
/// Whole milliseconds, rounded up; kNever is Infinity.
double ToMillis(Nanos span);

/// Policies from [name, algorithm, most, rate, everyUs, shape][], each checked by tatPolicyFault.
std::vector<Policy> ReadPolicies(const Napi::Array& list);

/// A store's secret, from the system's randomness.
MemoryStore::Seed RandomSeed();

}  // namespace sluice::addon
