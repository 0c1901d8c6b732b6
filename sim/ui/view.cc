// Fills the edit fields.
#include "view.h"

#include <algorithm>

#include "model/duration.h"

namespace sluice::sim {

View MakeView(const Scenario& scenario) {
  View view;
  view.bucket = {.capacity = scenario.bucket.rule().capacity,
                 .refill = scenario.bucket.refill(),
                 .every = scenario.bucket.every()};
  view.seed = scenario.seed;
  const std::string every = WriteDuration(view.bucket.every);
  std::copy_n(every.begin(), std::min(every.size(), view.every.size() - 1), view.every.begin());
  return view;
}

}  // namespace sluice::sim
