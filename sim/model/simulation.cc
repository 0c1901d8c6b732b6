// The limiter in virtual time.
#include "model/simulation.h"

#include <algorithm>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "model/algorithm_info.h"

namespace sluice::sim {
namespace {

// Any fixed seed will do: the hash decides a key's slot, never a decision.
constexpr MemoryStore::Seed kStoreSeed{'s', 'l', 'u', 'i', 'c', 'e', '-', 's', 'i', 'm'};
// Enough for the largest logs of all callers, where an entry counts as half a key.
constexpr std::size_t kMostKeys = std::size_t{1} << 23;

// Further random streams from one seed, far from those of other seeds.
constexpr std::uint64_t kTrafficHolds = std::uint64_t{1} << 60;
constexpr std::uint64_t kPersonHolds = std::uint64_t{1} << 61;

// Names the holder of a request's slot.
std::shared_ptr<const Operation::Options> OptionsFor(std::uint64_t id) {
  return std::make_shared<const Operation::Options>(
      Operation::Options{.holder = {.high = 0, .low = id}});
}

}  // namespace

std::string CallerName(std::uint32_t caller) { return "caller-" + std::to_string(caller + 1); }

Simulation::Simulation(const Scenario& scenario)
    : scenario_(scenario),
      traffic_(scenario.seed, scenario.rate, scenario.callers, scenario.volleys),
      traffic_holds_(scenario.seed + kTrafficHolds),
      person_holds_(scenario.seed + kPersonHolds),
      history_(scenario.callers) {
  Bind(true);
}

std::optional<Nanos> Simulation::NextArrival() const {
  const auto next = traffic_.next();
  if (!next) return std::nullopt;
  return next->at;
}

void Simulation::AdvanceTo(Nanos at) {
  for (auto next = NextArrival(); next && *next <= at; next = NextArrival()) StepEvent();
  EndCallsUntil(at);
  now_ = std::max(now_, at);
}

bool Simulation::StepEvent() {
  if (!traffic_.next()) return false;
  const Arrival arrival = traffic_.Take();
  EndCallsUntil(arrival.at);
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

void Simulation::SetPolicy(const ChosenPolicy& policy) {
  const bool fresh = StateTag(policy.algorithm) != StateTag(scenario_.policy.algorithm);
  scenario_.policy = policy;
  Bind(fresh);
}

Decision Simulation::Look(std::uint32_t caller) const {
  return Run(caller, {.kind = Operation::Kind::kPeek, .costs = 0}, now_).decisions[0];
}

Reading Simulation::StateOf(std::uint32_t caller) const {
  Snapshots snapshots;
  Run(caller, {.kind = Operation::Kind::kPeek, .costs = 0}, now_, &snapshots);
  return snapshots.before[0];
}

Result Simulation::Run(std::uint32_t caller, const Operation& operation, Nanos now,
                       Snapshots* snapshots) const {
  Result result;
  result.snapshots = snapshots;
  limiter_->Execute({&keys_[caller], 1}, operation, now, result);
  return result;
}

void Simulation::Decide(std::uint32_t caller, std::int64_t cost, Origin origin) {
  Request request{.id = static_cast<std::uint64_t>(history_.totals().requests) + 1,
                  .at = now_,
                  .caller = caller,
                  .origin = origin,
                  .cost = cost,
                  .policy = policy_};
  // Drawn for every request, so that later draws do not depend on this answer.
  const Nanos hold = DrawHold(origin);

  const bool takes_slot = HoldsSlots(policy_->algorithm);
  Operation check{.costs = cost};
  if (takes_slot) check.options = OptionsFor(request.id);
  Snapshots snapshots;
  request.decision = Run(caller, check, now_, &snapshots).decisions[0];
  request.before = snapshots.before[0];
  request.after = snapshots.after[0];
  if (takes_slot && request.decision.allowed && cost > 0) TakeSlot(request, hold);
  history_.Add(request);
}

void Simulation::TakeSlot(Request& request, Nanos hold) {
  const Nanos expires = ToMicros(now_) + std::get<Concurrency>(policy_->algorithm).ttl();
  request.held = std::min(hold, expires - now_);
  endings_.push({now_ + hold, request.id, request.caller});

  std::vector<Nanos>& slots = slots_[request.caller];
  const auto free = std::ranges::find_if(slots, [this](Nanos until) { return until <= now_; });
  request.slot = static_cast<std::uint32_t>(free - slots.begin());
  if (free == slots.end()) slots.emplace_back(0);
  slots[request.slot] = request.HeldUntil();
}

void Simulation::EndCallsUntil(Nanos at) {
  for (; !endings_.empty() && endings_.top().at <= at; endings_.pop()) {
    const Ending& ending = endings_.top();
    // A slot that has expired, or is from before a fresh start, is already gone.
    Run(ending.caller,
        {.kind = Operation::Kind::kRelease, .costs = 0, .options = OptionsFor(ending.id)},
        ending.at);
  }
}

Nanos Simulation::DrawHold(Origin origin) {
  const auto hold_of = policy_->info().hold;
  const Hold hold = hold_of != nullptr ? hold_of(policy_->numbers) : Hold{};
  Random& random = origin == Origin::kTraffic ? traffic_holds_ : person_holds_;
  const Nanos drawn = random.Exponential(hold.mean);
  return hold.fixed ? hold.mean : drawn;
}

void Simulation::Bind(bool fresh) {
  policy_ = std::make_shared<const ChosenPolicy>(scenario_.policy);
  if (fresh) {
    store_ = std::make_shared<MemoryStore>(
        MemoryStore::Options{.max_keys = kMostKeys, .seed = kStoreSeed});
    keys_.clear();
    slots_.assign(scenario_.callers, {});
    for (std::uint32_t caller = 0; caller < scenario_.callers; ++caller) {
      keys_.push_back(store_->Hash(CallerName(caller)));
    }
  }
  // The same store, name and algorithm keep the states.
  limiter_ = std::make_unique<MemoryLimiter>(
      std::vector<Policy>{{.name = "default", .algorithm = policy_->algorithm}}, store_,
      "sluice-sim");
  history_.Add(PolicyChange{now_, policy_, fresh});
}

}  // namespace sluice::sim
