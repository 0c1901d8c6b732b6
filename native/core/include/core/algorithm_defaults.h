// Defaults for an algorithm's class, which inherits them and declares its differences again.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice {

/// Beside these, every class has
///   kName         the name of its maker in JavaScript: "slidingWindow"
///   letter()      its kind in the Redis script (native/redis/.../check.lua)
///   kReadingSize  how many numbers of a Reading it uses
///   kNumbers, FromNumbers
///                 a count of numbers, and the function that builds a policy from them: the
///                 arguments of Make in order, spans in us, an enum as its number
///   WireNumbers(cost, max_wait)
///                 the numbers that the script needs, in the order of its Lua twin
struct AlgorithmDefaults {
  /// Whether the whole state is one theoretical arrival time.
  static constexpr bool kIsTat = false;
  /// Whether an admitted call holds a slot.
  static constexpr bool kHoldsSlots = false;
  /// The suffix of the name under which Redis keeps a collection beside the state. Empty: none.
  static constexpr std::string_view kCollection = "";
  /// No number of a Reading is larger: the latest time of the script in us, and a window.
  static constexpr std::int64_t kLargestReading = 4'600'000'000'000'000;

  /// The cost of `units` in the unit of the script.
  static constexpr std::int64_t WireCost(std::int64_t units) { return units; }
};

}  // namespace sluice
