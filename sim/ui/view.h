// The user's settings in the window that are not (yet) in the model.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "model/scenario.h"

namespace sluice::sim {

struct View {
  /// The time span of the charts.
  Nanos window = std::chrono::seconds(10);
  /// The caller whose state is drawn, and who sends the user's requests.
  std::uint32_t watched = 0;
  /// The id of the explained request; 0: always the last one.
  std::uint64_t selected = 0;
  /// The cost of the user's own requests.
  std::int64_t cost = 1;

  // The policy in the edit fields; the model takes it once its numbers are valid.
  PolicyNumbers policy;
  std::vector<std::array<char, 24>> texts{};  // by the fields of its algorithm
  std::string policy_fault{};
  std::uint64_t seed = 1;

  /// Puts a policy into the edit fields, and sets a suitable time span for the charts.
  void Edit(const ChosenPolicy& chosen);
  /// Reads the edit fields into `policy`. False, with `policy_fault`, if one of them is not a
  /// number.
  bool ReadTexts();
};

/// The view at the start of a run, with its numbers in the edit fields.
View MakeView(const Scenario& scenario);

}  // namespace sluice::sim
