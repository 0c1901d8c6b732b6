// Conversions between JavaScript values and the core's.
#include "values.h"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>
#include <system_error>
#include <utility>

namespace sluice::addon {
namespace {

std::string ToUtf8(std::u16string_view units) {
  std::string out;
  out.reserve(units.size());
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  for (std::size_t i = 0; i < units.size(); ++i) {
    std::uint32_t point = units[i];
    const bool leads = point >= 0xD800 && point < 0xDC00 && i + 1 < units.size() &&
                       units[i + 1] >= 0xDC00 && units[i + 1] < 0xE000;
    if (leads) point = 0x10000 + ((point - 0xD800) << 10) + (units[++i] - 0xDC00u);
    if (point < 0x80) {
      put(point);
    } else if (point < 0x800) {
      put(0xC0 | point >> 6);
      put(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
      put(0xE0 | point >> 12);
      put(0x80 | (point >> 6 & 0x3F));
      put(0x80 | (point & 0x3F));
    } else {
      put(0xF0 | point >> 18);
      put(0x80 | (point >> 12 & 0x3F));
      put(0x80 | (point >> 6 & 0x3F));
      put(0x80 | (point & 0x3F));
    }
  }
  return out;
}

[[noreturn]] void RefuseType(napi_env env, const char* what, const char* expected) {
  throw Napi::TypeError::New(env, std::string(what) + " must be " + expected);
}

// The numbers of a policy, as they are: its algorithm says which are right.
std::vector<std::int64_t> ReadPolicyNumbers(const Napi::Value& value) {
  constexpr auto kMost = static_cast<double>(kLargestExact);
  const Napi::Array list = ReadList(value, "a policy's numbers", 0, 8);
  std::vector<std::int64_t> numbers;
  const std::uint32_t count = list.Length();
  for (std::uint32_t i = 0; i < count; ++i) {
    const double number = std::clamp(ReadNumber(list.Get(i), "a policy's number"), -kMost, kMost);
    numbers.push_back(
        Whole(value.Env(), number, "a policy's number", -kLargestExact, kLargestExact));
  }
  return numbers;
}

}  // namespace

Utf8::Utf8(napi_env env, napi_value string) {
  // Read as UTF-16, which is exact: Node-API's UTF-8 maps all lone surrogates to one character.
  char16_t units[kRoom];
  std::size_t length = 0;
  if (napi_get_value_string_utf16(env, string, units, kRoom, &length) != napi_ok) {
    RefuseType(env, "a key, name or text", "a string");
  }
  if (length + 1 < kRoom) {
    char16_t all = 0;
    for (std::size_t i = 0; i < length; ++i) {
      all |= units[i];
      in_place_[i] = static_cast<char>(units[i]);
    }
    if (all < 0x80) {
      view_ = {in_place_, length};
      return;
    }
    elsewhere_ = ToUtf8({units, length});
  } else {
    napi_get_value_string_utf16(env, string, nullptr, 0, &length);
    std::u16string long_units(length, u'\0');
    napi_get_value_string_utf16(env, string, long_units.data(), length + 1, &length);
    elsewhere_ = ToUtf8(long_units);
  }
  view_ = elsewhere_;
}

double ToMillis(Nanos span) {
  if (span == kNever) return std::numeric_limits<double>::infinity();
  constexpr std::int64_t kMilli = 1'000'000;
  const std::int64_t millis = (span.count() + kMilli - 1) / kMilli;
  return static_cast<double>(millis);
}

void RefuseNumber(napi_env env, const char* what, std::int64_t least, std::int64_t most) {
  throw Napi::RangeError::New(env, std::string(what) + " must be a whole number from " +
                                       std::to_string(least) + " to " + std::to_string(most));
}

std::int64_t ReadWhole(const Napi::Value& value, const char* what, std::int64_t least,
                       std::int64_t most) {
  return Whole(value.Env(), ReadNumber(value, what), what, least, most);
}

double ReadNumber(const Napi::Value& value, const char* what) {
  double number = 0;
  if (napi_get_value_double(value.Env(), value, &number) != napi_ok || std::isnan(number)) {
    RefuseType(value.Env(), what, "a number");
  }
  return number;
}

bool ReadFlag(const Napi::Value& value, const char* what) {
  if (!value.IsBoolean()) RefuseType(value.Env(), what, "true or false");
  return value.As<Napi::Boolean>().Value();
}

Napi::Function ReadFunction(const Napi::Value& value, const char* what) {
  if (!value.IsFunction()) RefuseType(value.Env(), what, "a function");
  return value.As<Napi::Function>();
}

Napi::Object ReadObject(const Napi::Value& value, const char* what) {
  if (!value.IsObject()) RefuseType(value.Env(), what, "an object");
  return value.As<Napi::Object>();
}

Napi::Array ReadList(const Napi::Value& value, const char* what, std::uint32_t least,
                     std::uint32_t most) {
  if (!value.IsArray()) RefuseType(value.Env(), what, "an array");
  const auto list = value.As<Napi::Array>();
  const std::uint32_t length = list.Length();
  if (length < least || length > most) {
    const std::string name = "the length of " + std::string(what);
    RefuseNumber(value.Env(), name.c_str(), least, most);
  }
  return list;
}

std::optional<Policy> ReadPolicy(const Napi::Value& from, PolicyFault& fault) {
  const Napi::Env env = from.Env();
  const Napi::Array parts = ReadList(from, "a policy", 6, 6);
  std::string name = Utf8(env, parts.Get(0u)).Text();
  const std::string algorithm = Utf8(env, parts.Get(1)).Text();
  const std::vector<std::int64_t> numbers = ReadPolicyNumbers(parts.Get(2));
  const Nanos block_for = FromMicros(
      ReadWhole(parts.Get(3), "a policy's blockForUs", 0, ToMicros(kLongestSpan).count()));
  const bool charge_denied = ReadFlag(parts.Get(4), "a policy's chargeDenied");
  const bool enforce = ReadFlag(parts.Get(5), "a policy's enforce");

  const std::optional<Algorithm> made = MakeAlgorithm(algorithm, numbers, fault);
  if (!made && fault == PolicyFault::kNone) {
    throw Napi::TypeError::New(env,
                               "a policy must have a known algorithm and its count of numbers");
  }
  if (!made) return std::nullopt;
  return Policy{.name = std::move(name),
                .algorithm = *made,
                .block_for = block_for,
                .charge_denied = charge_denied,
                .enforce = enforce};
}

std::vector<Policy> ReadPolicies(const Napi::Value& from, const char* what) {
  const Napi::Array list = ReadList(from, what, 1, kMaxPolicies);
  std::vector<Policy> policies;
  const std::uint32_t length = list.Length();
  for (std::uint32_t i = 0; i < length; ++i) {
    PolicyFault fault = PolicyFault::kNone;
    std::optional<Policy> policy = ReadPolicy(list.Get(i), fault);
    if (!policy) throw Napi::RangeError::New(from.Env(), "policyFault refuses a policy's numbers");
    const bool taken = std::ranges::any_of(
        policies, [&policy](const Policy& other) { return other.name == policy->name; });
    if (taken || !IsPolicyName(policy->name)) {
      throw Napi::RangeError::New(from.Env(),
                                  "a policy's name must be distinct, of 1 to 64 of the "
                                  "characters A-Z a-z 0-9 _ . -, not digits alone");
    }
    policies.push_back(std::move(*policy));
  }
  return policies;
}

bool HasSlots(std::span<const Policy> policies) {
  return std::ranges::any_of(policies,
                             [](const Policy& policy) { return HoldsSlots(policy.algorithm); });
}

HolderId ReadHolder(napi_env env, std::string_view digits) {
  HolderId id;
  const auto read = [digits](std::size_t from, std::uint64_t& half) {
    const char* const end = digits.data() + from + 16;
    const auto [stop, error] = std::from_chars(end - 16, end, half, 16);
    return error == std::errc() && stop == end;
  };
  if (digits.size() != 32 || !read(0, id.high) || !read(16, id.low) || id == HolderId{}) {
    RefuseType(env, "a holder", "32 hexadecimal digits");
  }
  return id;
}

MemoryStore::Seed RandomSeed() {
  // Not std::random_device: statically linked it needs a newer glibc than the prebuilt binary may.
  MemoryStore::Seed seed;
  if (getentropy(seed.data(), seed.size()) != 0) {
    throw std::system_error(errno, std::generic_category(), "getentropy");
  }
  return seed;
}

}  // namespace sluice::addon
