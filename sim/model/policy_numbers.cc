// The fields of each algorithm: reading, writing, and conversion to core policies.
#include "model/policy_numbers.h"

#include <algorithm>
#include <charconv>

#include "algorithm_info.h"
#include "model/duration.h"

namespace sluice::sim {
namespace {

using Mode = LeakyBucket::Mode;

struct FieldText {
  std::string_view name;
  std::string_view help;
};

constexpr std::array<FieldText, kFields.size()> kFieldTexts{
    {{"capacity", "The most at once: what the bucket holds"},
     {"refill", "Tokens added ..."},
     {"leak", "Units that leak out ..."},
     {"limit", "The most in a window, in any window, or at a time; of gcra the units per --every"},
     {"burst", "The most at once; without it the limit"},
     {"every", "... every so often: 250ms, 1s, 1m, 1h, 1d"},
     {"window", "How long a window is; 'month' is the calendar's, with --align clock"},
     {"align", "Windows start at the first-request, or by the clock"},
     {"mode", "police: deny what overflows; shape: hold calls back too, so that they leave evenly"},
     {"ttl", "When a slot that nobody releases is given back"},
     {"hold", "How long a call runs and holds its slot"},
     {"hold-kind", "--hold is the mean of exponential times, or fixed"}}};

constexpr std::string_view kAligns[] = {"first-request", "clock"};
constexpr std::string_view kModes[] = {"police", "shape"};
constexpr std::string_view kHoldKinds[] = {"exponential", "fixed"};
constexpr std::string_view kMonth = "month";

template <typename E>
constexpr std::size_t Index(E value) {
  return static_cast<std::size_t>(value);
}

std::int64_t* CountIn(PolicyNumbers& numbers, Field field) {
  switch (field) {
    case Field::kCapacity:
      return &numbers.capacity;
    case Field::kRefill:
      return &numbers.refill;
    case Field::kLeak:
      return &numbers.leak;
    case Field::kLimit:
      return &numbers.limit;
    case Field::kBurst:
      return &numbers.burst;
    default:
      return nullptr;
  }
}

Nanos* SpanIn(PolicyNumbers& numbers, Field field) {
  switch (field) {
    case Field::kEvery:
      return &numbers.every;
    case Field::kWindow:
      return &numbers.window;
    case Field::kTtl:
      return &numbers.ttl;
    case Field::kHold:
      return &numbers.hold;
    default:
      return nullptr;
  }
}

// The index of the field's value in ChoicesOf.
std::size_t ChoiceOf(const PolicyNumbers& numbers, Field field) {
  switch (field) {
    case Field::kAlign:
      return Index(numbers.by_clock);
    case Field::kMode:
      return Index(numbers.mode);
    default:
      return Index(numbers.hold_kind);
  }
}

void Choose(PolicyNumbers& numbers, Field field, std::size_t choice) {
  if (field == Field::kMode) numbers.mode = static_cast<Mode>(choice);
  if (field == Field::kAlign) numbers.by_clock = choice != 0;
  if (field == Field::kHoldKind) numbers.hold_kind = static_cast<HoldKind>(choice);
}

bool SetCount(std::int64_t& number, std::string_view text) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && rest == end;
}

std::string Refusal(Field field, std::string_view text, std::string_view why) {
  std::string fault(NameOf(field));
  return fault.append(" '").append(text).append("' ").append(why);
}

// The field that a fault of the core is about.
Field FieldOf(PolicyFault fault, AlgorithmKind kind) {
  const AlgorithmInfo& info = InfoOf(kind);
  if (fault == PolicyFault::kRate || fault == PolicyFault::kRateRounding) return info.rate;
  return fault == PolicyFault::kWindow ? info.span : info.most;
}

std::string Describe(PolicyFault fault, const PolicyNumbers& numbers) {
  const auto say = [&](Field field) {
    const auto span = SpanOf(numbers, field);
    return std::string(NameOf(field)) + " " +
           (span ? FormatDuration(*span) : TextOf(numbers, field));
  };
  Field field = FieldOf(fault, numbers.algorithm);
  // Most users have set the limit alone.
  if (field == Field::kBurst && numbers.burst == numbers.limit) field = Field::kLimit;
  const std::string name = say(field);
  switch (fault) {
    case PolicyFault::kNone:
    case PolicyFault::kChoice:
      return {};
    case PolicyFault::kCapacity:
    case PolicyFault::kRate:
      return name + ": must be 1 to " + std::to_string(kLargestLimit);
    case PolicyFault::kLogLimit:
      return name + ": must be 1 to " + std::to_string(kLargestLogLimit) +
             ", as a log keeps an entry for each call";
    case PolicyFault::kEvery:
      return say(Field::kEvery) + ": must be above 0 and below 146 years";
    case PolicyFault::kRateRounding:
      return name + " " + say(Field::kEvery) +
             ": too fast; one unit would take less than about 100 ns, and whole nanoseconds would "
             "change the rate by more than 1 %";
    case PolicyFault::kRefillTooLong: {
      const Field rate = FieldOf(PolicyFault::kRate, numbers.algorithm);
      return name + " with " + say(rate) + " " + say(Field::kEvery) +
             ": a full refill takes more than 100 days";
    }
    case PolicyFault::kWindow:
      return name + ": must be 1 \u00b5s to 100 days";
  }
  return {};
}

}  // namespace

std::string_view NameOf(AlgorithmKind kind) { return InfoOf(kind).name; }

std::string_view TitleOf(AlgorithmKind kind) { return InfoOf(kind).title; }

std::optional<AlgorithmKind> KindNamed(std::string_view name) {
  const auto found =
      std::ranges::find(kAlgorithmKinds, name, [](AlgorithmKind kind) { return NameOf(kind); });
  if (found == kAlgorithmKinds.end()) return std::nullopt;
  return *found;
}

PolicyNumbers DefaultNumbers(AlgorithmKind kind) {
  PolicyNumbers numbers{.algorithm = kind};
  if (const auto set = InfoOf(kind).set_defaults) set(numbers);
  return numbers;
}

std::string_view NameOf(Field field) { return kFieldTexts[Index(field)].name; }

std::string_view HelpOf(Field field) { return kFieldTexts[Index(field)].help; }

std::span<const std::string_view> ChoicesOf(Field field) {
  if (field == Field::kAlign) return kAligns;
  if (field == Field::kMode) return kModes;
  if (field == Field::kHoldKind) return kHoldKinds;
  return {};
}

std::span<const Field> FieldsOf(AlgorithmKind kind) { return InfoOf(kind).fields; }

std::optional<std::int64_t> CountOf(const PolicyNumbers& numbers, Field field) {
  PolicyNumbers copy = numbers;
  const std::int64_t* count = CountIn(copy, field);
  return count != nullptr ? std::optional(*count) : std::nullopt;
}

std::optional<Nanos> SpanOf(const PolicyNumbers& numbers, Field field) {
  PolicyNumbers copy = numbers;
  const Nanos* span = SpanIn(copy, field);
  const bool month = field == Field::kWindow && numbers.month;
  return span != nullptr && !month ? std::optional(*span) : std::nullopt;
}

std::string TextOf(const PolicyNumbers& numbers, Field field) {
  if (const auto count = CountOf(numbers, field)) return std::to_string(*count);
  if (const auto span = SpanOf(numbers, field)) return WriteDuration(*span);
  if (field == Field::kWindow) return std::string(kMonth);
  return std::string(ChoicesOf(field)[ChoiceOf(numbers, field)]);
}

bool SetField(PolicyNumbers& numbers, Field field, std::string_view text, std::string& fault) {
  if (std::int64_t* count = CountIn(numbers, field)) {
    if (SetCount(*count, text)) return true;
    fault = Refusal(field, text, "is not a whole number, or is too large");
    return false;
  }
  if (Nanos* span = SpanIn(numbers, field)) {
    const bool fixed_window =
        field == Field::kWindow && numbers.algorithm == AlgorithmKind::kFixedWindow;
    if (fixed_window) numbers.month = text == kMonth;
    if (fixed_window && numbers.month) return true;
    if (const auto read = ParseDuration(text)) {
      *span = *read;
      return true;
    }
    fault = Refusal(field, text, "is not a duration like 250ms, 1s, 1m, 1h or 1d");
    return false;
  }
  const auto choices = ChoicesOf(field);
  if (const auto found = std::ranges::find(choices, text); found != choices.end()) {
    Choose(numbers, field, static_cast<std::size_t>(found - choices.begin()));
    return true;
  }
  std::string all;
  for (const std::string_view choice : choices)
    all.append(all.empty() ? "" : " nor ").append(choice);
  fault = Refusal(field, text, "is neither " + all);
  return false;
}

std::optional<ChosenPolicy> MakePolicy(const PolicyNumbers& numbers, std::string& fault) {
  PolicyFault why = PolicyFault::kNone;
  auto algorithm = InfoOf(numbers.algorithm).make(numbers, why);
  // The pictures show shares of the limit, and a limit of 0 has none.
  if (algorithm && LimitOf(*algorithm) == 0) {
    algorithm.reset();
    const bool log = numbers.algorithm == AlgorithmKind::kSlidingLog;
    why = log ? PolicyFault::kLogLimit : PolicyFault::kCapacity;
  }
  fault = Describe(why, numbers);
  if (!algorithm) return std::nullopt;
  if (numbers.algorithm == AlgorithmKind::kFixedWindow && numbers.month && !numbers.by_clock) {
    fault = "window month: a month goes by the calendar, so align has to be clock";
    return std::nullopt;
  }
  const bool holds = numbers.algorithm == AlgorithmKind::kConcurrency;
  if (holds && (numbers.hold < std::chrono::microseconds(1) || numbers.hold > kLongestSpan)) {
    fault = "hold " + FormatDuration(numbers.hold) + ": must be 1 \u00b5s to 100 days";
    return std::nullopt;
  }
  return ChosenPolicy{numbers, *algorithm};
}

}  // namespace sluice::sim
