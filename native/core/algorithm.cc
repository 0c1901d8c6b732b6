#include "core/algorithm.h"

#include <type_traits>

namespace sluice {
namespace {

template <typename A>
std::optional<Algorithm> MakeOne(std::span<const std::int64_t> numbers, PolicyFault& fault) {
  if (numbers.size() != A::kNumbers) return std::nullopt;
  if (const auto made = A::FromNumbers(numbers.first<A::kNumbers>(), fault)) return *made;
  return std::nullopt;
}

// Tries the types of the list in turn.
template <typename... A>
std::optional<Algorithm> MakeNamed(std::string_view name, std::span<const std::int64_t> numbers,
                                   PolicyFault& fault, std::in_place_type_t<std::variant<A...>>) {
  std::optional<Algorithm> made;
  const auto make = [&]<typename T>(std::in_place_type_t<T>) {
    if (name == T::kName) made = MakeOne<T>(numbers, fault);
  };
  (make(std::in_place_type<A>), ...);
  return made;
}

}  // namespace

std::optional<Algorithm> MakeAlgorithm(std::string_view name, std::span<const std::int64_t> numbers,
                                       PolicyFault& fault) {
  fault = PolicyFault::kNone;
  return MakeNamed(name, numbers, fault, std::in_place_type<Algorithm>);
}

std::string StateTag(const Algorithm& algorithm) {
  return std::visit([](const auto& a) { return std::string(a.StateTag()); }, algorithm);
}

bool HoldsSlots(const Algorithm& algorithm) {
  return std::visit([]<typename A>(const A&) { return A::kHoldsSlots; }, algorithm);
}

std::string_view CollectionSuffix(const Algorithm& algorithm) {
  return std::visit([]<typename A>(const A&) { return A::kCollection; }, algorithm);
}

std::size_t ReadingSize(const Algorithm& algorithm) {
  return std::visit([]<typename A>(const A&) { return A::kReadingSize; }, algorithm);
}

std::int64_t LargestReading(const Algorithm& algorithm) {
  return std::visit([]<typename A>(const A&) { return A::kLargestReading; }, algorithm);
}

std::int64_t LimitOf(const Algorithm& algorithm) {
  return std::visit([](const auto& a) { return a.limit(); }, algorithm);
}

std::optional<Algorithm> WithLimit(const Algorithm& algorithm, std::int64_t limit) {
  return std::visit(
      [limit](const auto& a) -> std::optional<Algorithm> {
        if (const auto other = a.WithLimit(limit)) return *other;
        return std::nullopt;
      },
      algorithm);
}

Algorithm WithSlotTtl(const Algorithm& algorithm, Micros ttl) {
  return std::visit(
      [ttl]<typename A>(const A& a) -> Algorithm {
        if constexpr (A::kHoldsSlots) {
          return a.WithTtl(ttl);
        } else {
          return a;
        }
      },
      algorithm);
}

std::int64_t LargestLimit(const Algorithm& algorithm) {
  return std::visit([](const auto& a) { return a.LargestLimit(); }, algorithm);
}

}  // namespace sluice
