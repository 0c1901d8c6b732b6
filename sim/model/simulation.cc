// Runs the limiter in virtual time.
#include "model/simulation.h"

#include <array>

namespace sluice::sim {
namespace {

// Any fixed one: the hash decides in which slot a key lives, never what is decided.
constexpr MemoryStore::Seed kStoreSeed{'s', 'l', 'u', 'i', 'c', 'e', '-', 's', 'i', 'm'};

}  // namespace

std::string CallerName(std::uint32_t caller) { return "caller-" + std::to_string(caller + 1); }

Simulation::Simulation(const Scenario& scenario)
    : scenario_(scenario),
      traffic_(scenario.seed, scenario.rate, scenario.callers),
      store_(std::make_shared<MemoryStore>(
          MemoryStore::Options{.max_keys = 4096, .seed = kStoreSeed})),
      history_(scenario.callers) {
  for (std::uint32_t caller = 0; caller < scenario.callers; ++caller) {
    keys_.push_back(store_->Hash(CallerName(caller)));
  }
  BindLimiter();
}

std::optional<Nanos> Simulation::NextArrival() const {
  if (!traffic_.next()) return std::nullopt;
  return traffic_.next()->at;
}

void Simulation::AdvanceTo(Nanos at) {
  while (traffic_.next() && traffic_.next()->at <= at) StepEvent();
  if (at > now_) now_ = at;
}

bool Simulation::StepEvent() {
  if (!traffic_.next()) return false;
  const Arrival arrival = traffic_.Take();
  now_ = arrival.at;
  Decide(arrival.caller, 1, Origin::kTraffic);
  return true;
}

void Simulation::Send(std::uint32_t caller, std::int64_t cost) {
  Decide(caller, cost, Origin::kPerson);
}

void Simulation::SetRate(double rate) {
  scenario_.rate = rate;
  traffic_.SetRate(rate, now_);
}

void Simulation::SetBucket(const TokenBucket& bucket) {
  scenario_.bucket = bucket;
  BindLimiter();
}

Decision Simulation::Look(std::uint32_t caller) const {
  Verdict verdict;
  limiter_->Peek(keys_[caller], std::array<std::int64_t, 1>{0}, now_, verdict);
  return verdict.decisions[0];
}

void Simulation::Decide(std::uint32_t caller, std::int64_t cost, Origin origin) {
  Request request{.id = static_cast<std::uint64_t>(history_.totals().requests) + 1,
                  .at = now_,
                  .caller = caller,
                  .origin = origin,
                  .cost = cost,
                  .rule = scenario_.bucket.rule(),
                  .backlog_before = Look(caller).reset_after,
                  .decision = {}};
  Verdict verdict;
  limiter_->Check(keys_[caller], std::array{cost}, now_, verdict);
  request.decision = verdict.decisions[0];
  history_.Add(request);
}

void Simulation::BindLimiter() {
  // The same store, name and algorithm: the states carry over.
  limiter_ = std::make_unique<MemoryLimiter>(
      std::vector<Policy>{{.name = "default", .algorithm = scenario_.bucket}}, store_,
      "sluice-sim");
  history_.Add(RuleChange{now_, scenario_.bucket.rule()});
}

}  // namespace sluice::sim
