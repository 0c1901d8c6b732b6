// The edit fields: filled from a policy, and read back.
#include "view.h"

#include <algorithm>

#include "model/algorithm_info.h"
#include "model/describe.h"

namespace sluice::sim {

void View::Edit(const ChosenPolicy& chosen) {
  policy = chosen.numbers;
  policy_fault.clear();
  window = TimeToShow(chosen);
  texts.clear();
  for (const Field& field : policy.info().fields) {
    const std::string now = TextOf(policy, field);
    auto& text = texts.emplace_back();
    std::copy_n(now.begin(), std::min(now.size(), text.size() - 1), text.begin());
  }
}

bool View::ReadTexts() {
  const auto fields = policy.info().fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (!SetField(policy, fields[i], texts[i].data(), policy_fault)) return false;
  }
  return true;
}

View MakeView(const Scenario& scenario) {
  View view{.policy = scenario.policy.numbers, .seed = scenario.seed};
  view.Edit(scenario.policy);
  return view;
}

}  // namespace sluice::sim
