// A map whose entries live for a minute.
#include "support/reference_ids.h"

#include <algorithm>
#include <chrono>
#include <variant>

namespace sluice::testing {
namespace {

bool SameAsks(const Subject::Question& a, const Subject::Question& b) {
  return std::ranges::equal(a.asks, b.asks, [](const Ask& one, const Ask& other) {
    return one.cost == other.cost && one.limit == other.limit;
  });
}

}  // namespace

const ReferenceIds::Known* ReferenceIds::Find(const std::string& id, Nanos now) const {
  const auto found = known_.find(id);
  if (found == known_.end()) return nullptr;
  const Nanos age = now - found->second.at;
  return age > std::chrono::minutes(-1) && age < std::chrono::minutes(1) ? &found->second : nullptr;
}

bool ReferenceIds::IsNew(const std::string& id, Nanos now) {
  if (Find(id, now) != nullptr) return false;
  known_[id] = {.question = {.asks = {}, .holder = {}}, .at = now, .charged = {}, .decisions = {}};
  return true;
}

ReferenceIds::Outcome ReferenceIds::Check(ReferenceKey& model, const std::vector<Policy>& policies,
                                          const Subject::Question& question, const std::string& id,
                                          Nanos now, std::span<Decision> decisions) {
  const Known* const known = Find(id, now);
  if (known == nullptr || ExceedsCapacity(policies, question.asks)) {
    const bool allowed = model.Check(question, now, decisions);
    Known charge{.question = question,
                 .at = now,
                 .charged = {},
                 .decisions = {decisions.begin(), decisions.end()}};
    bool any = false;
    for (std::size_t i = 0; i < policies.size(); ++i) {
      charge.charged.push_back(allowed && decisions[i].allowed && question.asks[i].cost > 0);
      any = any || charge.charged.back();
    }
    if (any) known_[id] = charge;
    return {.allowed = allowed};
  }
  if (!SameAsks(known->question, question)) return {.reused = true};
  Subject::Question rest = question;
  rest.holder = known->question.holder;
  std::vector<bool> again;
  for (std::size_t i = 0; i < policies.size(); ++i) {
    again.push_back(known->charged[i] &&
                    std::holds_alternative<Concurrency>(policies[i].algorithm) &&
                    !model.Holds(i, rest.holder, now));
    if (!again[i]) rest.asks[i].cost = 0;
  }
  const bool allowed = model.Check(rest, now, decisions);
  for (std::size_t i = 0; i < policies.size(); ++i) {
    if (again[i]) continue;
    const Decision& then = known->decisions[i];
    decisions[i].allowed = then.allowed;
    const Nanos age = std::max(Nanos{0}, now - known->at);
    decisions[i].delay = then.delay > age ? then.delay - age : Nanos{0};
    decisions[i].mark = then.mark;
  }
  return {.replayed = true, .allowed = allowed};
}

}  // namespace sluice::testing
