// What the person has set in the window and not (yet) in the model.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "model/scenario.h"

namespace sluice::sim {

struct View {
  /// How much time the charts show.
  Nanos window = std::chrono::seconds(10);
  /// Whose state is drawn, and as whom the person sends.
  std::uint32_t watched = 0;
  /// The request explained; 0: always the last one.
  std::uint64_t selected = 0;
  /// Of the person's own requests.
  std::int64_t cost = 1;

  // The policy being edited, taken over once its numbers are right.
  PolicyNumbers policy;
  std::array<std::array<char, 24>, kFields.size()> texts{};  // by Field
  std::string policy_fault;
  std::uint64_t seed = 1;

  /// Puts a policy into the edit fields, and as much time into the charts as suits it.
  void Edit(const ChosenPolicy& chosen);
  /// Reads the edit fields into `policy`. False with `policy_fault` if one of them is no number.
  bool ReadTexts();
};

/// The view of a run that begins: its numbers in the edit fields.
View MakeView(const Scenario& scenario);

}  // namespace sluice::sim
