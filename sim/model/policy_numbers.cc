// Fields as text, and their conversion to core policies.
#include "model/policy_numbers.h"

#include <algorithm>
#include <charconv>

#include "algorithms/list.h"
#include "model/duration.h"

namespace sluice::sim {
namespace {

// The number of fields if there is no such field.
std::size_t IndexOf(const AlgorithmInfo& info, std::string_view field) {
  const auto found = std::ranges::find(info.fields, field, &Field::name);
  return static_cast<std::size_t>(found - info.fields.begin());
}

bool ReadUnits(std::string_view text, std::int64_t& number) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && rest == end;
}

bool ReadSpan(const Field& field, std::string_view text, std::int64_t& number) {
  if (!field.word.empty() && text == field.word) {
    number = kWord;
    return true;
  }
  const auto span = ParseDuration(text);
  if (span) number = span->count();
  return span.has_value();
}

bool ReadChoice(const Field& field, std::string_view text, std::int64_t& number) {
  const auto found = std::ranges::find(field.choices, text);
  if (found == field.choices.end()) return false;
  number = found - field.choices.begin();
  return true;
}

std::string Describe(PolicyFault fault, const PolicyNumbers& numbers) {
  const AlgorithmInfo& info = numbers.info();
  const auto say = [&](std::string_view name) {
    const Field& field = *FieldNamed(info, name);
    return std::string(name) + " " +
           (field.kind == Field::Kind::kSpan ? FormatDuration(numbers.Span(name))
                                             : TextOf(numbers, field));
  };
  // Most users have set only the field that it copies.
  const std::string_view copied = FieldNamed(info, info.most)->copies;
  const bool is_copy = !copied.empty() && numbers[info.most] == numbers[copied];
  const std::string most = say(is_copy ? copied : info.most);
  const auto of_limit = [](const std::string& field) {
    return field + ": must be 1 to " + std::to_string(kLargestLimit);
  };
  switch (fault) {
    case PolicyFault::kNone:
    case PolicyFault::kChoice:
      return {};
    case PolicyFault::kCapacity:
      return of_limit(most);
    case PolicyFault::kRate:
      return of_limit(say(info.rate));
    case PolicyFault::kLogLimit:
      return most + ": must be 1 to " + std::to_string(kLargestLogLimit) +
             ", as a log keeps an entry for each call";
    case PolicyFault::kEvery:
      return say("every") + ": must be above 0 and below 146 years";
    case PolicyFault::kRateRounding:
      return say(info.rate) + " " + say("every") +
             ": too fast; one unit would take less than about 100 ns, and whole nanoseconds would "
             "change the rate by more than 1 %";
    case PolicyFault::kRefillTooLong:
      return most + " with " + say(info.rate) + " " + say("every") +
             ": a full refill takes more than 100 days";
    case PolicyFault::kWindow:
      return say(info.span) + ": must be 1 \u00b5s to 100 days";
  }
  return {};
}

}  // namespace

PolicyNumbers::PolicyNumbers(const AlgorithmInfo& info) : info_(&info) {
  for (const Field& field : info.fields) values_.push_back(field.initial);
}

std::int64_t& PolicyNumbers::operator[](std::string_view field) {
  return values_.at(IndexOf(*info_, field));
}

std::int64_t PolicyNumbers::operator[](std::string_view field) const {
  return values_.at(IndexOf(*info_, field));
}

const AlgorithmInfo* AlgorithmNamed(std::string_view name) {
  const auto found = std::ranges::find(kAlgorithms, name, &AlgorithmInfo::name);
  return found == kAlgorithms.end() ? nullptr : *found;
}

const Field* FieldNamed(const AlgorithmInfo& info, std::string_view name) {
  const std::size_t index = IndexOf(info, name);
  return index < info.fields.size() ? &info.fields[index] : nullptr;
}

std::string TextOf(const PolicyNumbers& numbers, const Field& field) {
  const std::int64_t number = numbers[field.name];
  switch (field.kind) {
    case Field::Kind::kUnits:
      return std::to_string(number);
    case Field::Kind::kSpan:
      return number == kWord ? std::string(field.word) : WriteDuration(Nanos{number});
    case Field::Kind::kChoice:
      return std::string(field.choices[static_cast<std::size_t>(number)]);
  }
  return {};
}

bool SetField(PolicyNumbers& numbers, const Field& field, std::string_view text,
              std::string& fault) {
  std::int64_t& number = numbers[field.name];
  std::string why;
  switch (field.kind) {
    case Field::Kind::kUnits:
      if (ReadUnits(text, number)) return true;
      why = "is not a whole number, or is too large";
      break;
    case Field::Kind::kSpan:
      if (ReadSpan(field, text, number)) return true;
      why = "is not a duration like 250ms, 1s, 1m, 1h or 1d";
      break;
    case Field::Kind::kChoice:
      if (ReadChoice(field, text, number)) return true;
      for (const std::string_view choice : field.choices) {
        why.append(why.empty() ? "is neither " : " nor ").append(choice);
      }
      break;
  }
  fault = std::string(field.name).append(" '").append(text).append("' ").append(why);
  return false;
}

std::optional<ChosenPolicy> MakePolicy(const PolicyNumbers& numbers, std::string& fault) {
  const AlgorithmInfo& info = numbers.info();
  PolicyFault why = PolicyFault::kNone;
  auto algorithm = info.make(numbers, why);
  if (algorithm && LimitOf(*algorithm) == 0) {
    // The pictures show shares of the limit, and 0 has none. The core refuses the next lower one.
    PolicyNumbers below = numbers;
    below[info.most] = -1;
    algorithm = info.make(below, why);
  }
  fault = Describe(why, numbers);
  if (algorithm && info.check != nullptr) fault = info.check(numbers);
  if (!algorithm || !fault.empty()) return std::nullopt;
  return ChosenPolicy{numbers, *algorithm};
}

}  // namespace sluice::sim
