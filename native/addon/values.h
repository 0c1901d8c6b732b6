// Readers of JavaScript values. TypeScript checks the arguments of callers; these checks turn a
// mistake in between into an error. Each reader throws a TypeError or RangeError and never passes
// on a value that the core does not accept.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/policy.h"
#include "core/time.h"
#include "store/memory_store.h"

namespace sluice::addon {

/// A string as UTF-8. A lone surrogate becomes the three bytes of its number (WTF-8), so that
/// distinct strings give distinct bytes. Short ASCII, like most keys, needs no allocation. Source:
/// https://simonsapin.github.io/wtf-8/
///
/// Throws a TypeError if the value is not a string.
class Utf8 {
 public:
  Utf8(napi_env env, napi_value string);
  Utf8(const Utf8&) = delete;
  Utf8& operator=(const Utf8&) = delete;

  /// Valid while the object exists.
  std::string_view view() const { return view_; }
  std::string Text() const { return std::string(view_); }

 private:
  static constexpr std::size_t kRoom = 128;

  char in_place_[kRoom];
  std::string elsewhere_;
  std::string_view view_;
};

/// The largest number below which every whole number is exact.
inline constexpr std::int64_t kLargestExact = std::int64_t{1} << 53;
/// The largest cost: see Ask.
inline constexpr std::int64_t kLargestCost = (std::int64_t{1} << 31) - 1;

/// Throws a RangeError: "`what` must be a whole number from `least` to `most`".
[[noreturn]] void RefuseNumber(napi_env env, const char* what, std::int64_t least,
                               std::int64_t most);

/// Converts `number` to a whole number from `least` to `most` (within kLargestExact).
inline std::int64_t Whole(napi_env env, double number, const char* what, std::int64_t least,
                          std::int64_t most) {
  // Compared as doubles first: the conversion of any other number is undefined.
  if (number >= static_cast<double>(least) && number <= static_cast<double>(most)) {
    const auto whole = static_cast<std::int64_t>(number);
    if (static_cast<double>(whole) == number) return whole;
  }
  RefuseNumber(env, what, least, most);
}

/// The same of a JavaScript value.
std::int64_t ReadWhole(const Napi::Value& value, const char* what, std::int64_t least,
                       std::int64_t most);
/// A number other than NaN.
double ReadNumber(const Napi::Value& value, const char* what);
bool ReadFlag(const Napi::Value& value, const char* what);
Napi::Function ReadFunction(const Napi::Value& value, const char* what);
Napi::Object ReadObject(const Napi::Value& value, const char* what);
/// An array of `least` to `most` elements.
Napi::Array ReadList(const Napi::Value& value, const char* what, std::uint32_t least,
                     std::uint32_t most);

/// The most keys of a store: see MemoryStore::Options.
inline constexpr std::int64_t kMostKeys = std::int64_t{1} << 32;
/// A wall clock's largest distance from the monotonic one, so that their sums stay in range.
inline constexpr std::int64_t kLargestWallOffsetUs = kLargestExact / 2;

/// The tags of handles; see Hold. Any distinct numbers.
inline constexpr napi_type_tag kStoreTag{0x5c1c2d4f0f8a4b11, 0x9a6e30c1d2b7e401};
inline constexpr napi_type_tag kTlsTag{0x5c1c2d4f0f8a4b11, 0x9a6e30c1d2b7e402};
inline constexpr napi_type_tag kPasswordSourceTag{0x5c1c2d4f0f8a4b11, 0x9a6e30c1d2b7e403};
inline constexpr napi_type_tag kBackendTag{0x5c1c2d4f0f8a4b11, 0x9a6e30c1d2b7e404};

/// Makes a handle: a value of ours that JavaScript can only pass back. `tag` names its type.
template <typename T>
Napi::Value Hold(Napi::Env env, const napi_type_tag& tag, T value) {
  auto held = std::make_unique<T>(std::move(value));
  auto handle = Napi::External<T>::New(env, held.get(), [](Napi::Env, T* owned) { delete owned; });
  static_cast<void>(held.release());  // the handle owns it
  handle.TypeTag(&tag);
  return handle;
}

/// Returns the object given to Hold. Throws a TypeError for a value that Hold did not make with
/// this tag.
template <typename T>
T& Held(const Napi::Value& value, const napi_type_tag& tag, const char* what) {
  if (!value.IsExternal() || !value.As<Napi::Object>().CheckTypeTag(&tag)) {
    throw Napi::TypeError::New(value.Env(),
                               std::string(what) + " must be a handle of its own type");
  }
  return *value.As<Napi::External<T>>().Data();
}

/// Keeps `owner` alive as long as the object, which may be a function.
template <typename T>
void KeepAlive(Napi::Object object, std::shared_ptr<T> owner) {
  auto held = std::make_unique<std::shared_ptr<T>>(std::move(owner));
  object.AddFinalizer([](Napi::Env, std::shared_ptr<T>* owned) { delete owned; }, held.get());
  static_cast<void>(held.release());  // the finalizer owns it
}

/// Microseconds, as whole numbers up to kLargestExact.
inline Nanos FromMicros(std::int64_t us) { return Nanos{us * 1000}; }
/// Whole milliseconds, rounded up; kNever is Infinity.
double ToMillis(Nanos span);

/// A policy from [name, algorithm, numbers, blockForUs, chargeDenied, enforce]: see MakeAlgorithm.
/// None, with the reason in `fault`, if its numbers cannot be used. The name may be any string.
std::optional<Policy> ReadPolicy(const Napi::Value& from, PolicyFault& fault);

/// 1 to kMaxPolicies policies with distinct names (IsPolicyName) for which `policyFault` returns 0.
std::vector<Policy> ReadPolicies(const Napi::Value& from, const char* what);

/// Whether a policy gives slots to holders.
bool HasSlots(std::span<const Policy> policies);

/// 32 hexadecimal digits, not all 0.
HolderId ReadHolder(napi_env env, std::string_view digits);

/// A store's secret, from the system's randomness.
MemoryStore::Seed RandomSeed();

}  // namespace sluice::addon
