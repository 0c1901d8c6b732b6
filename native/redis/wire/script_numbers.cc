// Policies, costs and options as the numbers of the script.
#include "script_numbers.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <type_traits>
#include <variant>

namespace sluice::redis {
namespace {

using Kind = Request::Kind;

// MODULUS of the script, in ns.
constexpr std::int64_t kModulus = 9'000'000'000'000'000;

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

// How the script is to charge `units` that nothing may deny: no further than it can count.
std::int64_t Product(std::int64_t units, Nanos interval, std::int64_t most) {
  return std::min(most, std::min(units, most / interval.count() + 1) * interval.count());
}

void Fill(const TatAlgorithm& /*tat*/, ScriptNumbers& numbers) { numbers.kind = 't'; }
void Fill(const LeakyBucket& bucket, ScriptNumbers& numbers) {
  numbers.kind = bucket.mode() == LeakyBucket::Mode::kShape ? 'q' : 't';
}
void Fill(const FixedWindow& window, ScriptNumbers& numbers) {
  switch (window.align()) {
    case FixedWindow::Align::kFirstRequest:
      numbers.kind = 'f';
      break;
    case FixedWindow::Align::kClock:
      numbers.kind = 'c';
      break;
    case FixedWindow::Align::kMonth:
      numbers.kind = 'm';
      return;
  }
  numbers.window = window.window().count();
}
void Fill(const SlidingWindow& window, ScriptNumbers& numbers) {
  numbers.kind = 's';
  numbers.window = window.window().count();
}
void Fill(const SlidingLog& log, ScriptNumbers& numbers) {
  numbers.kind = 'l';
  numbers.window = log.window().count();
}
void Fill(const Concurrency& concurrency, ScriptNumbers& numbers) {
  numbers.kind = 'n';
  numbers.window = concurrency.ttl().count();
}

template <typename A>
ScriptNumbers NumbersOf(const A& algorithm, const Request& request, std::size_t policy) {
  constexpr bool kIsTat = A::kIsTat;
  constexpr bool kIsConcurrency = std::is_same_v<A, Concurrency>;
  const Details& details = DetailsOf(request);
  const std::int64_t units = request.costs[policy];
  ScriptNumbers numbers;
  Fill(algorithm, numbers);
  numbers.limit = algorithm.limit();
  if constexpr (kIsTat) numbers.window = algorithm.rule().Span().count();
  switch (request.kind) {
    case Kind::kCheck:
    case Kind::kPeek:
      if (algorithm.Never(units)) break;
      numbers.cost = units;
      if constexpr (kIsTat) {
        numbers.cost = units * algorithm.rule().interval.count();
        numbers.limit = algorithm.LargestBacklog(units, details.max_wait).count();
      }
      break;
    case Kind::kDebit:
      numbers.cost = kIsConcurrency ? 0 : units;
      if constexpr (kIsTat) {
        numbers.cost = Product(units, algorithm.rule().interval, kLongestSpan.count());
      }
      break;
    case Kind::kCredit:
    case Kind::kAbort:
      numbers.cost = kIsConcurrency ? 0 : units;
      numbers.limit = -1;
      if (details.marks) {
        const std::int64_t mark = std::max<std::int64_t>(0, (*details.marks)[policy]);
        numbers.limit = kIsTat ? mark % kModulus : std::min(mark, kModulus);
      }
      if constexpr (kIsTat) {
        numbers.cost = Product(units, algorithm.rule().interval, kModulus);
      }
      break;
    case Kind::kRelease:
    case Kind::kRenew:
      numbers.cost = kIsConcurrency ? 1 : 0;
      break;
    case Kind::kBlock:
    case Kind::kUnblock:
      numbers.cost = details.which == 0 || (details.which >> policy & 1) != 0 ? 1 : 0;
      break;
    case Kind::kReset:
      break;
  }
  return numbers;
}

// Charges for the checks that nearly all are.
bool ChargesTats(const Request& request, const Completion& completion) {
  bool takes = false;
  for (std::size_t i = 0; i < request.set->size(); ++i) {
    const TatRule& rule = RuleOf(request.set->policies()[i].algorithm);
    const std::int64_t cost = request.costs[i];
    if (cost == 0) continue;
    const Reading& reading = completion.readings[i];
    if (cost > rule.capacity || reading.blocked > Nanos{0}) return false;
    if (cost * rule.interval > rule.Span() - Nanos{reading.numbers[0]}) return false;
    takes = true;
  }
  return takes;
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
  return std::ranges::any_of(request.set->policies(), [](const Policy& policy) {
    return std::holds_alternative<Concurrency>(policy.algorithm);
  });
}

std::size_t NumbersRead(const Algorithm& algorithm) {
  if (IsTat(algorithm)) return 1;
  return std::holds_alternative<FixedWindow>(algorithm) ? 2 : 3;
}

bool Charges(const Request& request, const Completion& completion) {
  if (request.kind != Kind::kCheck) return false;
  const std::vector<Policy>& policies = request.set->policies();
  if (!request.details && request.set->plain()) return ChargesTats(request, completion);
  auto asks = AsksOf(request);
  if (completion.repeat) {
    ReduceAsks(completion.repeat->again, std::span(asks).first(policies.size()));
  }
  const Judgement judgement = Judge(policies, std::span(asks).first(policies.size()),
                                    completion.readings, DetailsOf(request).max_wait);
  return std::any_of(judgement.parts.begin(),
                     judgement.parts.begin() + static_cast<std::ptrdiff_t>(policies.size()),
                     [](const Judgement::Part& part) { return part.effect == Effect::kCharge; });
}

}  // namespace sluice::redis
