// JavaScript values read for the core. JavaScript has checked types and ranges before they get
// here.
#pragma once

#include <napi.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/policy.h"
#include "core/time.h"
#include "store/memory_store.h"

namespace sluice::addon {

/// A string as UTF-8, with a lone surrogate written as the three bytes that its number would take
/// (WTF-8), so that distinct strings give distinct bytes. Short ASCII, as most keys are, takes no
/// allocation. Source: https://simonsapin.github.io/wtf-8/
class Utf8 {
 public:
  Utf8(napi_env env, napi_value string);
  Utf8(const Utf8&) = delete;
  Utf8& operator=(const Utf8&) = delete;

  /// Valid while the object lives.
  std::string_view view() const { return view_; }
  std::string Text() const { return std::string(view_); }

 private:
  static constexpr std::size_t kRoom = 128;

  char in_place_[kRoom];
  std::string elsewhere_;
  std::string_view view_;
};

/// A value of ours that JavaScript only hands back.
template <typename T>
Napi::Value Hold(Napi::Env env, T value) {
  return Napi::External<T>::New(env, new T(std::move(value)),
                                [](Napi::Env, T* held) { delete held; });
}

/// What Hold gave; null for undefined.
template <typename T>
T Held(const Napi::Value& value) {
  return value.IsUndefined() ? nullptr : *value.As<Napi::External<T>>().Data();
}

/// Microseconds, as the whole numbers JavaScript passes, from 0 to 2^53.
inline Nanos FromMicros(double us) { return Nanos{static_cast<std::int64_t>(us) * 1000}; }
/// Whole milliseconds, rounded up; kNever is Infinity.
double ToMillis(Nanos span);

/// A policy from [name, algorithm, limit, rate, spanUs, mode, blockForUs, chargeDenied, enforce];
/// none, with the reason in `fault`, if its numbers cannot be used. spanUs: what `rate` units take,
/// or the window, or the time to live. mode: leakyBucket 1 shapes; fixedWindow 0 first-request,
/// 1 clock, 2 calendar months.
std::optional<Policy> ReadPolicy(const Napi::Array& from, PolicyFault& fault);

/// Policies for which `policyFault` answered 0.
std::vector<Policy> ReadPolicies(const Napi::Array& list);

/// 32 hexadecimal digits. Zero for anything else.
HolderId ReadHolder(std::string_view digits);

/// A store's secret, from the system's randomness.
MemoryStore::Seed RandomSeed();

}  // namespace sluice::addon
