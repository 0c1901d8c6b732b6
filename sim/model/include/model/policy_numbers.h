// A policy as a user enters it: an algorithm's name and its numbers, under the names of the API.
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

/// "tokenBucket", the name of the API's maker.
std::string_view NameOf(AlgorithmKind kind);
/// "Token bucket", for people.
std::string_view TitleOf(AlgorithmKind kind);
std::optional<AlgorithmKind> KindNamed(std::string_view name);

/// How long calls hold their slots under a concurrency policy.
enum class HoldKind : std::uint8_t { kExponential, kFixed };

/// Unchecked numbers. An algorithm reads only those of FieldsOf.
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
  /// The time for which calls hold a slot; a mean unless fixed. Belongs to the traffic, not to the
  /// policy.
  Nanos hold = std::chrono::seconds(1);
  HoldKind hold_kind = HoldKind::kExponential;
};

/// The defaults of an algorithm: each about 20 at once and 10 a second.
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

/// "capacity", "hold-kind": the names of the flags.
std::string_view NameOf(Field field);
/// One line for --help.
std::string_view HelpOf(Field field);
/// The values of a field that is a choice; else empty.
std::span<const std::string_view> ChoicesOf(Field field);
/// The fields of the algorithm, in the order of the API.
std::span<const Field> FieldsOf(AlgorithmKind kind);

/// The number in the field: units, or a duration. None for a choice, and for a month.
std::optional<std::int64_t> CountOf(const PolicyNumbers& numbers, Field field);
std::optional<Nanos> SpanOf(const PolicyNumbers& numbers, Field field);
/// "20", "1s", "clock": a text that SetField reads.
std::string TextOf(const PolicyNumbers& numbers, Field field);
/// Reads the text of a field. If it is wrong, returns false and writes the field, the text and the
/// valid values to `fault`. The window of a fixed window may be "month": the calendar's.
bool SetField(PolicyNumbers& numbers, Field field, std::string_view text, std::string& fault);

/// A policy that the core has accepted.
struct ChosenPolicy {
  PolicyNumbers numbers;
  Algorithm algorithm;

  AlgorithmKind kind() const { return numbers.algorithm; }
  std::int64_t limit() const { return LimitOf(algorithm); }
};

/// The policy; or none, with the wrong number's name, its value and the valid values in `fault`.
std::optional<ChosenPolicy> MakePolicy(const PolicyNumbers& numbers, std::string& fault);

}  // namespace sluice::sim
