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

bool Decides(const Request& request) {
  return request.kind == Kind::kCheck || request.kind == Kind::kPeek;
}

std::array<Ask, kMaxPolicies> AsksOf(const Request& request) {
  const Details& details = DetailsOf(request);
  std::array<Ask, kMaxPolicies> asks;
  for (std::size_t i = 0; i < request.set->size(); ++i) {
    asks[i] = {.cost = request.costs[i], .limit = details.limits[i]};
  }
  return asks;
}

bool Hopeless(const Request& request) {
  if (!request.details && request.set->plain()) {
    for (std::size_t i = 0; i < request.set->size(); ++i) {
      if (request.costs[i] > RuleOf(request.set->policies()[i].algorithm).capacity) return true;
    }
    return false;
  }
  const auto asks = AsksOf(request);
  return IsHopeless(request.set->policies(), std::span(asks).first(request.set->size()));
}

// A check that can never be admitted changes nothing; it only has to be told how things stand.
bool OnlyReads(const Request& request) { return request.kind == Kind::kPeek || Hopeless(request); }

// The cost of one policy, in the unit of the script. 0: the operation passes over it.
template <typename A>
std::int64_t CostOf(const A& algorithm, const Request& request, std::size_t policy) {
  const std::int64_t units = request.costs[policy];
  switch (request.kind) {
    case Kind::kCheck:
    case Kind::kPeek:
      return algorithm.Never(units) ? 0 : algorithm.WireCost(units);
    case Kind::kDebit:
    case Kind::kCredit:
    case Kind::kAbort:
      return A::kHoldsSlots ? 0 : algorithm.WireCost(units);
    case Kind::kRelease:
    case Kind::kRenew:
      return A::kHoldsSlots ? 1 : 0;
    case Kind::kBlock:
    case Kind::kUnblock: {
      const std::uint32_t which = DetailsOf(request).which;
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
  const Details& details = DetailsOf(request);
  ScriptNumbers numbers;
  numbers.kind = algorithm.letter();
  numbers.cost = CostOf(algorithm, request, policy);
  if (request.kind == Kind::kCredit || request.kind == Kind::kAbort) {
    const std::int64_t mark =
        details.marks ? std::max<std::int64_t>(0, (*details.marks)[policy]) : kNoMark;
    numbers.mark = A::kIsTat ? mark % kModulus : std::min(mark, kModulus);
  }
  const auto own = algorithm.WireNumbers(request.costs[policy], details.max_wait);
  static_assert(own.size() <= std::tuple_size_v<decltype(numbers.own)>);
  std::ranges::copy(own, numbers.own.begin());
  numbers.count = own.size();
  return numbers;
}

std::int64_t MicrosUp(Nanos span) { return std::chrono::ceil<Micros>(span).count(); }

}  // namespace

const Details& DetailsOf(const Request& request) {
  // Never destroyed: an I/O thread may outlive the process's static objects.
  static const auto* const none = new Details;
  return request.details ? *request.details : *none;
}

std::string_view ScriptMode(const Request& request) {
  switch (request.kind) {
    case Kind::kCheck:
    case Kind::kPeek:
      if (TellsId(request)) return "check+";
      if (request.set->plain()) return OnlyReads(request) ? "1" : "0";
      return OnlyReads(request) ? "peek" : "check";
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

ScriptNumbers NumbersFor(const Request& request, std::size_t policy) {
  const Policy& asked = request.set->policies()[policy];
  const Details& details = DetailsOf(request);
  const bool has_limits = Decides(request) || request.kind == Kind::kAbort;
  const Ask ask{.cost = request.costs[policy],
                .limit = has_limits ? details.limits[policy] : kOwnLimit};
  ScriptNumbers numbers =
      std::visit([&](const auto& algorithm) { return NumbersOf(algorithm, request, policy); },
                 ask.limit == kOwnLimit ? asked.algorithm : AlgorithmFor(asked, ask));
  // A check that can never be admitted charges nobody.
  const bool charges_denied = asked.charge_denied && !(Decides(request) && Hopeless(request));
  numbers.options = (asked.enforce ? 0 : 1) + (charges_denied ? 2 : 0);
  numbers.block = MicrosUp(request.kind == Kind::kBlock ? details.block_for : asked.block_for);
  return numbers;
}

bool SameGroup(const Request& a, const Request& b) {
  const std::string_view mode = ScriptMode(a);
  if (mode != ScriptMode(b)) return false;
  if (mode == "1") return a.set->size() == b.set->size();  // told nothing but that
  if (a.set != b.set || !a.costs.SameFor(a.set->size(), b.costs)) return false;
  if (a.details == b.details) return true;
  const Details& one = DetailsOf(a);
  const Details& other = DetailsOf(b);
  return one.limits == other.limits && one.max_wait == other.max_wait && one.marks == other.marks &&
         one.block_for == other.block_for && one.which == other.which;
}

bool TellsId(const Request& request) {
  return NamesId(request) && !(request.kind == Kind::kCheck && OnlyReads(request));
}

bool NamesHolder(const Request& request) {
  if (request.kind != Kind::kRelease && request.kind != Kind::kRenew &&
      (request.kind != Kind::kCheck || OnlyReads(request))) {
    return false;
  }
  return std::ranges::any_of(request.set->policies(),
                             [](const Policy& policy) { return HoldsSlots(policy.algorithm); });
}

}  // namespace sluice::redis
