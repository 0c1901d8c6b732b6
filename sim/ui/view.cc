// The edit fields: filled from a policy, and read back.
#include "view.h"

#include <algorithm>

#include "model/describe.h"

namespace sluice::sim {

void View::Edit(const ChosenPolicy& chosen) {
  policy = chosen.numbers;
  policy_fault.clear();
  window = TimeToShow(chosen);
  for (const Field field : kFields) {
    auto& text = texts[static_cast<std::size_t>(field)];
    const std::string now = TextOf(policy, field);
    text.fill(0);
    std::copy_n(now.begin(), std::min(now.size(), text.size() - 1), text.begin());
  }
}

bool View::ReadTexts() {
  for (const Field field : FieldsOf(policy.algorithm)) {
    const char* text = texts[static_cast<std::size_t>(field)].data();
    if (!SetField(policy, field, text, policy_fault)) return false;
  }
  return true;
}

View MakeView(const Scenario& scenario) {
  View view;
  view.Edit(scenario.policy);
  view.seed = scenario.seed;
  return view;
}

}  // namespace sluice::sim
