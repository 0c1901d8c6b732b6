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
  /// Whose bucket is drawn, and as whom the person sends.
  std::uint32_t watched = 0;
  /// The request explained; 0: always the last one.
  std::uint64_t selected = 0;
  /// Of the person's own requests.
  std::int64_t cost = 1;

  // Numbers being edited, taken over once they are right.
  BucketNumbers bucket;
  std::array<char, 24> every{};
  std::string bucket_fault;
  std::uint64_t seed = 1;
};

/// The view of a run that begins: its numbers in the edit fields.
View MakeView(const Scenario& scenario);

}  // namespace sluice::sim
