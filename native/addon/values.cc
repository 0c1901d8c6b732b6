// Conversions between JavaScript values and the core's.
#include "values.h"

#include <sys/random.h>

#include <cerrno>
#include <charconv>
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

}  // namespace

Utf8::Utf8(napi_env env, napi_value string) {
  // Read as UTF-16, which is exact: Node-API's UTF-8 makes one character of all lone surrogates.
  char16_t units[kRoom];
  std::size_t length = 0;
  napi_get_value_string_utf16(env, string, units, kRoom, &length);
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

std::optional<Policy> ReadPolicy(const Napi::Array& from, PolicyFault& fault) {
  const auto number = [&from](std::uint32_t at) {
    return from.Get(at).As<Napi::Number>().DoubleValue();
  };
  const auto flag = [&from](std::uint32_t at) { return from.Get(at).As<Napi::Boolean>().Value(); };
  const std::string algorithm = from.Get(1).As<Napi::String>().Utf8Value();
  const auto limit = static_cast<std::int64_t>(number(2));
  const auto rate = static_cast<std::int64_t>(number(3));
  const Nanos span = FromMicros(number(4));
  const auto mode = static_cast<int>(number(5));

  const auto make = [&]() -> std::optional<Algorithm> {
    if (algorithm == "tokenBucket") return TokenBucket::Make(limit, rate, span, fault);
    if (algorithm == "gcra") return Gcra::Make(limit, rate, span, fault);
    if (algorithm == "leakyBucket") {
      return LeakyBucket::Make(limit, rate, span, static_cast<LeakyBucket::Mode>(mode), fault);
    }
    if (algorithm == "fixedWindow") {
      return FixedWindow::Make(limit, span, static_cast<FixedWindow::Align>(mode), fault);
    }
    if (algorithm == "slidingWindow") return SlidingWindow::Make(limit, span, fault);
    if (algorithm == "slidingLog") return SlidingLog::Make(limit, span, fault);
    if (algorithm == "concurrency") return Concurrency::Make(limit, span, fault);
    throw Napi::Error::New(from.Env(), "no such algorithm: " + algorithm);
  };
  const std::optional<Algorithm> made = make();
  if (!made) return std::nullopt;
  return Policy{.name = from.Get(0u).As<Napi::String>().Utf8Value(),
                .algorithm = *made,
                .block_for = FromMicros(number(6)),
                .charge_denied = flag(7),
                .enforce = flag(8)};
}

std::vector<Policy> ReadPolicies(const Napi::Array& list) {
  std::vector<Policy> policies;
  for (std::uint32_t i = 0; i < list.Length(); ++i) {
    PolicyFault fault = PolicyFault::kNone;
    std::optional<Policy> policy = ReadPolicy(list.Get(i).As<Napi::Array>(), fault);
    if (!policy) throw Napi::Error::New(list.Env(), "a policy that policyFault refuses");
    policies.push_back(std::move(*policy));
  }
  return policies;
}

HolderId ReadHolder(std::string_view digits) {
  HolderId id;
  if (digits.size() != 32) return id;
  std::from_chars(digits.data(), digits.data() + 16, id.high, 16);
  std::from_chars(digits.data() + 16, digits.data() + 32, id.low, 16);
  return id;
}

MemoryStore::Seed RandomSeed() {
  // Not std::random_device: linked statically it needs a newer glibc than the prebuilt binary may.
  MemoryStore::Seed seed;
  if (getentropy(seed.data(), seed.size()) != 0) {
    throw std::system_error(errno, std::generic_category(), "getentropy");
  }
  return seed;
}

}  // namespace sluice::addon
