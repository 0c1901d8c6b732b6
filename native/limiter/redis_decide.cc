#include "limiter/redis_decide.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/operation.h"
#include "core/policy.h"
#include "core/replay.h"
#include "core/tat_algorithm.h"

namespace sluice {
namespace {

constexpr Nanos kModulus{TatAlgorithm::kWireModulus};

Moment MomentOf(Micros at) { return {.now = Nanos(at) % kModulus, .wall = at}; }

void Decide(const redis::Request& request, std::span<const Ask> asks,
            const redis::Completion& completion, Result& result) {
  const std::vector<Policy>& policies = request.set->policies();
  const Evaluation evaluation = Evaluate(policies, asks, completion.readings, request.max_wait());
  result.allowed = evaluation.allowed;
  if (request.kind == Operation::Kind::kPeek) {
    WritePeekDecisions(policies, asks, completion.readings, evaluation, result.Decisions());
  } else {
    WriteDecisions(policies, asks, completion.readings, evaluation, MomentOf(completion.at),
                   result.Decisions());
  }
}

// Decides a check that was charged before under its id.
void DecideReplay(const redis::Request& request, std::span<Ask> asks,
                  const redis::Completion& completion, Result& result) {
  const redis::Replay& replay = *completion.replay;
  const auto given = OriginalDecisions(request.set->policies(), asks, replay.readings,
                                       replay.charged, MomentOf(replay.at));
  DropReplayedCosts(replay.again, asks);
  Decide(request, asks, completion, result);
  ReplayDecisions(std::span(given).first(asks.size()), completion.at - replay.at, replay.again,
                  result.Decisions());
  result.replayed = true;
  result.slots_again = replay.again != 0;
  result.holder = replay.holder;
}

// A reservation that is open already costs nothing; one that is extended costs what is new.
void DropHeldCosts(const redis::Request& request, const redis::HoldReply& hold,
                   std::span<Ask> asks) {
  for (std::size_t i = 0; i < asks.size(); ++i) {
    std::int64_t& cost = asks[i].cost;
    if (request.kind == Operation::Kind::kExtend) {
      const bool extends =
          (hold.held >> i & 1) != 0 && !HoldsSlots(request.set->policies()[i].algorithm);
      cost = extends ? std::max<std::int64_t>(0, cost - hold.units[i]) : 0;
    } else if (hold.repeated) {
      cost = 0;
    }
  }
}

// The fast path: a check without options under plain TAT policies, none of them blocked. Returns
// false for any other.
bool DecidePlain(const redis::Request& request, const redis::Completion& completion,
                 Result& result) {
  const redis::PolicySet& set = *request.set;
  if (request.options || request.kind != Operation::Kind::kCheck || !set.plain()) return false;
  std::array<Nanos, kMaxPolicies> backlogs;
  for (std::size_t i = 0; i < set.size(); ++i) {
    const Reading& reading = completion.readings[i];
    if (reading.blocked > Nanos{0}) return false;
    backlogs[i] = Nanos{reading.numbers[0]};
  }
  const auto costs = request.costs.Spread(set.size());
  result.allowed = DecideTats(set.policies(), std::span(costs).first(set.size()),
                              std::span(backlogs).first(set.size()),
                              Nanos(completion.at) % kModulus, result.Decisions());
  return true;
}

}  // namespace

void DecideByReply(const redis::Request& request, const redis::Completion& completion,
                   Result& result) {
  const std::size_t count = request.set->size();
  result.Open(count);
  if (!DecidePlain(request, completion, result)) {
    std::array<Ask, kMaxPolicies> all_asks;
    const std::span asks = std::span(all_asks).first(count);
    for (std::size_t i = 0; i < count; ++i) asks[i] = request.AskOf(i);
    if (completion.hold) DropHeldCosts(request, *completion.hold, asks);
    if (completion.replay) {
      DecideReplay(request, asks, completion, result);
    } else {
      Decide(request, asks, completion, result);
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    // The sum of now and a backlog exceeds the modulus once at most.
    std::int64_t& mark = result.decisions[i].mark;
    if (IsTat(request.set->policies()[i].algorithm)) mark %= kModulus.count();
  }
  result.Bind();
}

}  // namespace sluice
