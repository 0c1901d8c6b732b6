// Policies, costs and options as the numbers of the script.
#include "script_numbers.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <tuple>
#include <variant>

namespace sluice::redis {
namespace {

using Kind = Request::Kind;

// The mark of a credit that names no charge.
constexpr std::int64_t kNoMark = -1;

std::array<Ask, kMaxPolicies> AsksOf(const Request& request) {
  std::array<Ask, kMaxPolicies> asks;
  for (std::size_t i = 0; i < request.set->size(); ++i) asks[i] = request.AskOf(i);
  return asks;
}

bool ExceedsCapacityOf(const Request& request) {
  if (!request.options && request.set->plain()) {
    for (std::size_t i = 0; i < request.set->size(); ++i) {
      if (request.costs[i] > RuleOf(request.set->policies()[i].algorithm).capacity) return true;
    }
    return false;
  }
  const auto asks = AsksOf(request);
  return ExceedsCapacity(request.set->policies(), std::span(asks).first(request.set->size()));
}

// A check that can never be admitted changes nothing; it only reads the state.
bool OnlyReads(const Request& request) {
  return request.kind == Kind::kPeek || ExceedsCapacityOf(request);
}

// The cost of one policy, in the unit of the script. 0: the operation passes over it.
template <typename A>
std::int64_t CostOf(const A& algorithm, const Request& request, std::size_t policy) {
  const std::int64_t units = request.costs[policy];
  switch (request.kind) {
    case Kind::kCheck:
    case Kind::kPeek:
    case Kind::kReserve:
      return algorithm.NeverFits(units) ? 0 : algorithm.WireCost(units);
    case Kind::kExtend:
    case Kind::kCheckpoint:
    case Kind::kSettle:
      return units;
    case Kind::kCancel:
      return 0;
    case Kind::kDebit:
    case Kind::kCredit:
    case Kind::kAbort:
      return A::kHoldsSlots ? 0 : algorithm.WireCost(units);
    case Kind::kRelease:
    case Kind::kRenew:
      return A::kHoldsSlots ? 1 : 0;
    case Kind::kBlock:
    case Kind::kUnblock: {
      const std::uint32_t which = OptionsOf(request).which;
      return which == 0 || (which >> policy & 1) != 0 ? 1 : 0;
    }
    case Kind::kReset:
      break;  // not an operation of the script
  }
  return 0;
}

template <typename A>
ScriptNumbers NumbersOf(const A& algorithm, const Request& request, std::size_t policy) {
  constexpr std::int64_t kModulus = TatAlgorithm::kWireModulus;
  const Operation::Options& options = OptionsOf(request);
  ScriptNumbers numbers;
  numbers.kind = algorithm.letter();
  numbers.cost = CostOf(algorithm, request, policy);
  if (request.kind == Kind::kCredit || request.kind == Kind::kAbort) {
    const std::int64_t mark =
        options.marks ? std::max<std::int64_t>(0, (*options.marks)[policy]) : kNoMark;
    numbers.mark = A::kIsTat ? mark % kModulus : std::min(mark, kModulus);
  }
  const auto own = algorithm.WireNumbers(request.costs[policy], options.max_wait);
  static_assert(own.size() <= std::tuple_size_v<decltype(numbers.own)>);
  std::ranges::copy(own, numbers.own.begin());
  numbers.count = own.size();
  numbers.unit = algorithm.WireCost(1);
  // A shadow may admit none such.
  numbers.given = request.kind == Kind::kReserve ? !algorithm.NeverFits(request.costs[policy])
                                                 : (options.which >> policy & 1) != 0;
  return numbers;
}

std::int64_t MicrosUp(Nanos span) { return std::chrono::ceil<Micros>(span).count(); }

}  // namespace

const Operation::Options& OptionsOf(const Request& request) {
  // Never destroyed: an I/O thread may outlive the process's static objects.
  static const auto* const none = new Operation::Options;
  return request.options ? *request.options : *none;
}

std::string_view ScriptMode(const Request& request) {
  switch (request.kind) {
    case Kind::kCheck:
    case Kind::kPeek:
      if (TellsId(request)) return "check+";
      if (request.set->plain() && !request.route.ledgers) return OnlyReads(request) ? "1" : "0";
      return OnlyReads(request) ? "peek" : "check";
    case Kind::kReserve:
      return OnlyReads(request) ? "peek" : "reserve";
    case Kind::kExtend:
      return "extend";
    case Kind::kCheckpoint:
      return "checkpoint";
    case Kind::kSettle:
      return "settle";
    case Kind::kCancel:
      return "cancel";
    case Kind::kDebit:
      return TellsId(request) ? "debit+" : "debit";
    case Kind::kCredit:
      return TellsId(request) ? "credit+" : "credit";
    case Kind::kAbort:
      return TellsId(request) ? "abort+" : "abort";
    case Kind::kRelease:
      return TellsId(request) ? "release+" : "release";
    case Kind::kRenew:
      return "renew";
    case Kind::kBlock:
      return "block";
    case Kind::kUnblock:
      return "unblock";
    case Kind::kReset:
      break;  // not the script's business
  }
  return "";
}

bool IsReservationMode(const Request& request) {
  return request.is_of_reservation() && !(request.kind == Kind::kReserve && OnlyReads(request));
}

bool NamesLedgers(const Request& request) {
  return request.route.ledgers || IsReservationMode(request);
}

ScriptNumbers NumbersFor(const Request& request, std::size_t policy) {
  const Policy& asked = request.set->policies()[policy];
  const Operation::Options& options = OptionsOf(request);
  const bool has_limits = request.decides() || request.kind == Kind::kAbort;
  Ask ask = request.AskOf(policy);
  if (!has_limits) ask.limit = kOwnLimit;
  ScriptNumbers numbers =
      std::visit([&](const auto& algorithm) { return NumbersOf(algorithm, request, policy); },
                 ask.IsPlain() ? asked.algorithm : AlgorithmFor(asked, ask));
  // A check that can never be admitted charges nobody.
  const bool charges_denied =
      asked.charge_denied && !(request.follows_rule() && ExceedsCapacityOf(request));
  numbers.options = (asked.enforce ? 0 : 1) + (charges_denied ? 2 : 0);
  numbers.block = MicrosUp(request.kind == Kind::kBlock ? options.block_for : asked.block_for);
  return numbers;
}

bool SameGroup(const Request& a, const Request& b) {
  const std::string_view mode = ScriptMode(a);
  if (mode != ScriptMode(b) || NamesLedgers(a) != NamesLedgers(b)) return false;
  if (mode == "1") return a.set->size() == b.set->size();  // told nothing but that
  if (a.set != b.set || !a.costs.SameFor(a.set->size(), b.costs)) return false;
  if (a.options == b.options) return true;
  const Operation::Options& one = OptionsOf(a);
  const Operation::Options& other = OptionsOf(b);
  return one.limits == other.limits && one.max_wait == other.max_wait && one.marks == other.marks &&
         one.block_for == other.block_for && one.which == other.which &&
         one.hold_for == other.hold_for && one.on_expire == other.on_expire;
}

bool TellsId(const Request& request) {
  return NamesId(request) && !(request.kind == Kind::kCheck && OnlyReads(request));
}

bool NamesHolder(const Request& request) {
  if (IsReservationMode(request)) return true;
  if (request.kind != Kind::kRelease && request.kind != Kind::kRenew &&
      (request.kind != Kind::kCheck || OnlyReads(request))) {
    return false;
  }
  return std::ranges::any_of(request.set->policies(),
                             [](const Policy& policy) { return HoldsSlots(policy.algorithm); });
}

}  // namespace sluice::redis
