// A policy as a person writes it: an algorithm's name and its numbers, under the names of the API.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/policy.h"

namespace sluice::sim {

/// In the order of core's list.
enum class AlgorithmKind : std::uint8_t {
  kTokenBucket,
  kGcra,
  kLeakyBucket,
  kFixedWindow,
  kSlidingWindow,
  kSlidingLog,
  kConcurrency,
};

inline constexpr std::array kAlgorithmKinds{
    AlgorithmKind::kTokenBucket, AlgorithmKind::kGcra,          AlgorithmKind::kLeakyBucket,
    AlgorithmKind::kFixedWindow, AlgorithmKind::kSlidingWindow, AlgorithmKind::kSlidingLog,
    AlgorithmKind::kConcurrency};

/// "tokenBucket", as the API's maker is called.
std::string_view NameOf(AlgorithmKind kind);
/// "Token bucket", for people.
std::string_view TitleOf(AlgorithmKind kind);
std::optional<AlgorithmKind> KindNamed(std::string_view name);

/// How long calls hold their slots under a concurrency policy.
enum class HoldKind : std::uint8_t { kExponential, kFixed };

/// Not yet checked. An algorithm looks at those of FieldsOf alone.
struct PolicyNumbers {
  AlgorithmKind algorithm = AlgorithmKind::kTokenBucket;
  std::int64_t capacity = 20;
  std::int64_t refill = 10;
  std::int64_t leak = 10;
  std::int64_t limit = 20;
  std::int64_t burst = 20;
  Nanos every = std::chrono::seconds(1);
  Nanos window = std::chrono::seconds(2);
  bool month = false;  ///< the calendar's, instead of `window`
  bool by_clock = false;
  LeakyBucket::Mode mode = LeakyBucket::Mode::kPolice;
  Nanos ttl = std::chrono::seconds(5);
  /// Of the calls, not of the policy; a mean unless fixed.
  Nanos hold = std::chrono::seconds(1);
  HoldKind hold_kind = HoldKind::kExponential;
};

/// What a person who names only the algorithm gets: about 20 at once and 10 a second, each.
PolicyNumbers DefaultNumbers(AlgorithmKind kind);

/// One number or choice of a policy, as flags and controls show it.
enum class Field : std::uint8_t {
  kCapacity,
  kRefill,
  kLeak,
  kLimit,
  kBurst,
  kEvery,
  kWindow,
  kAlign,
  kMode,
  kTtl,
  kHold,
  kHoldKind,
};

inline constexpr std::array kFields{
    Field::kCapacity, Field::kRefill, Field::kLeak, Field::kLimit, Field::kBurst, Field::kEvery,
    Field::kWindow,   Field::kAlign,  Field::kMode, Field::kTtl,   Field::kHold,  Field::kHoldKind};

/// "capacity", "hold-kind": as flags are called.
std::string_view NameOf(Field field);
/// One line for --help.
std::string_view HelpOf(Field field);
/// What the field may say, where it is a choice; else empty.
std::span<const std::string_view> ChoicesOf(Field field);
/// Those that the algorithm has, in the order of the API.
std::span<const Field> FieldsOf(AlgorithmKind kind);

/// The field's number if it is one: units, or a duration. A month is none.
std::optional<std::int64_t> CountOf(const PolicyNumbers& numbers, Field field);
std::optional<Nanos> SpanOf(const PolicyNumbers& numbers, Field field);
/// "20", "1s", "clock": as SetField reads it.
std::string TextOf(const PolicyNumbers& numbers, Field field);
/// Reads the text of a field. False if it is none, with the field, the text and what would be right
/// in `fault`. A fixed window may be "month": the calendar's.
bool SetField(PolicyNumbers& numbers, Field field, std::string_view text, std::string& fault);

/// A policy that the core has accepted.
struct ChosenPolicy {
  PolicyNumbers numbers;
  Algorithm algorithm;

  AlgorithmKind kind() const { return numbers.algorithm; }
  std::int64_t limit() const { return LimitOf(algorithm); }
};

/// The policy, or in `fault` which number is wrong (its name first), its value and what would be
/// right.
std::optional<ChosenPolicy> MakePolicy(const PolicyNumbers& numbers, std::string& fault);

}  // namespace sluice::sim
