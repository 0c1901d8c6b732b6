// A policy as a user enters it: an algorithm and its numbers, under the names of the API.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/policy.h"

namespace sluice::sim {

struct AlgorithmInfo;

/// One number or choice of a policy, as flags and controls show it.
struct Field {
  enum class Kind : std::uint8_t { kUnits, kSpan, kChoice };

  std::string_view name;  ///< "capacity", "hold-kind": the name of the flag
  std::string_view help;  ///< one line for --help
  Kind kind = Kind::kUnits;
  std::int64_t initial = 0;                        ///< see PolicyNumbers::operator[]
  std::span<const std::string_view> choices = {};  ///< the values of a choice
  /// A text that a span may have instead of a duration, or empty. Its value is kWord.
  std::string_view word = {};
  /// The field whose value this one has if its flag is missing, or empty.
  std::string_view copies = {};
};
inline constexpr std::int64_t kWord = -1;

/// Unchecked numbers, one for each field of an algorithm.
class PolicyNumbers {
 public:
  /// The defaults of the algorithm: each about 20 at once and 10 a second.
  explicit PolicyNumbers(const AlgorithmInfo& info);

  const AlgorithmInfo& info() const { return *info_; }
  /// Units, nanoseconds, or the index of a choice. REQUIRES a field of the algorithm.
  std::int64_t& operator[](std::string_view field);
  std::int64_t operator[](std::string_view field) const;
  Nanos Span(std::string_view field) const { return Nanos{(*this)[field]}; }

 private:
  const AlgorithmInfo* info_;
  std::vector<std::int64_t> values_;
};

/// The algorithm's field of this name; null if it has none.
const Field* FieldNamed(const AlgorithmInfo& info, std::string_view name);

/// "20", "1s", "clock": a text that SetField reads.
std::string TextOf(const PolicyNumbers& numbers, const Field& field);
/// Reads the text of a field. If it is wrong, returns false and writes the field, the text and the
/// valid values to `fault`.
bool SetField(PolicyNumbers& numbers, const Field& field, std::string_view text,
              std::string& fault);

/// A policy that the core has accepted.
struct ChosenPolicy {
  PolicyNumbers numbers;
  Algorithm algorithm;

  const AlgorithmInfo& info() const { return numbers.info(); }
  std::int64_t limit() const { return LimitOf(algorithm); }
};

/// The policy; or none, with the wrong number's name, its value and the valid values in `fault`.
std::optional<ChosenPolicy> MakePolicy(const PolicyNumbers& numbers, std::string& fault);

}  // namespace sluice::sim
