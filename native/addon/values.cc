// Conversions between JavaScript values and the core's.
#include "values.h"

#include <sys/random.h>

#include <cerrno>
#include <limits>
#include <string>
#include <system_error>

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

std::vector<Policy> ReadPolicies(const Napi::Array& list) {
  std::vector<Policy> policies;
  for (std::uint32_t i = 0; i < list.Length(); ++i) {
    const auto item = list.Get(i).As<Napi::Array>();
    const auto number = [&item](std::uint32_t at) {
      return item.Get(at).As<Napi::Number>().DoubleValue();
    };
    const std::string algorithm = item.Get(1).As<Napi::String>().Utf8Value();
    const auto most = static_cast<std::int64_t>(number(2));
    const auto rate = static_cast<std::int64_t>(number(3));
    const Nanos every = FromMicros(number(4));
    const auto mode = item.Get(5).As<Napi::Boolean>().Value() ? LeakyBucket::Mode::kShape
                                                              : LeakyBucket::Mode::kPolice;
    PolicyFault fault = PolicyFault::kNone;
    const auto add = [&](const auto& made) {
      if (!made) throw Napi::Error::New(list.Env(), "a policy that tatPolicyFault refuses");
      policies.push_back({item.Get(0u).As<Napi::String>().Utf8Value(), *made});
    };
    if (algorithm == "gcra") {
      add(Gcra::Make(most, rate, every, fault));
    } else if (algorithm == "leakyBucket") {
      add(LeakyBucket::Make(most, rate, every, mode, fault));
    } else {
      add(TokenBucket::Make(most, rate, every, fault));
    }
  }
  return policies;
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
