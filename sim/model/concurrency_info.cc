// Concurrency: held slots.
#include "algorithm_info.h"
#include "explain_parts.h"
#include "model/duration.h"

namespace sluice::sim {
namespace {

void ExplainConcurrency(const Request& request, Explanation& text) {
  const auto& slots = std::get<Concurrency>(request.policy->algorithm);
  const auto& [held, first_expires, last_expires] = request.before.numbers;
  const std::string of = FormatCount(held) + " of " + FormatCount(slots.limit()) + " slots";
  text.reason = ReasonWithoutState(request, "");
  if (text.reason.empty() && request.decision.allowed) {
    text.reason = of + " were held; this call took another, and keeps it for " +
                  SpanText(request.held) +
                  (request.held < slots.ttl() ? "." : ", when it expires.");
  } else if (text.reason.empty()) {
    text.reason = of + " were held. If nobody gives one back, one expires in " +
                  SpanText(Micros{first_expires}) + ".";
  }
  text.fit = FitOf("slots held", static_cast<double>(held), request.cost > 0 ? 1 : 0,
                   static_cast<double>(slots.limit()));
  text.rule = "admit if held < L";
  text.hint = "A call takes one slot, whatever it costs.";
  text.lines = {{"limit", "L", "", FormatCount(slots.limit())},
                {"slots held", "held", "", FormatCount(held)},
                {"time to live", "ttl", "", FormatDuration(slots.ttl())}};
  text.test = request.cost == 0 ? "n = 0: admitted."
                                : FormatCount(held) + " < " + FormatCount(slots.limit()) + "?  " +
                                      Answered(request);
}

constexpr Field kSlotFields[] = {Field::kLimit, Field::kTtl, Field::kHold, Field::kHoldKind};

}  // namespace

const AlgorithmInfo kConcurrencyInfo{
    .name = Concurrency::kName,
    .title = "Concurrency",
    .fields = kSlotFields,
    .span = Field::kTtl,
    .set_defaults = [](PolicyNumbers& n) { n.limit = 10; },
    .make = [](const PolicyNumbers& n,
               PolicyFault& fault) { return Made(Concurrency::Make(n.limit, n.ttl, fault)); },
    .numbers =
        [](const PolicyNumbers& n) {
          return "limit " + FormatCount(n.limit) + ", ttl " + FormatDuration(n.ttl);
        },
    .limit = [](const ChosenPolicy& policy) { return AtMost(policy) + " at a time"; },
    .detail =
        [](const ChosenPolicy& policy) {
          const PolicyNumbers& n = policy.numbers;
          return "a call holds its slot for " + FormatDuration(n.hold) +
                 (n.hold_kind == HoldKind::kFixed ? "" : " on average");
        },
    .picture = [](const PolicyNumbers&) -> std::string { return "Slots held"; },
    .introduce = [](const PolicyNumbers&) -> Introduction {
      return {"How a concurrency limit decides",
              {"Each admitted call takes a slot and gives it back when it ends.",
               "A call that finds all slots held is denied.",
               "A slot that nobody gives back expires, so that a caller that crashed does not keep "
               "it."}};
    },
    .explain = ExplainConcurrency,
    .reset = "all expired after",
};

}  // namespace sluice::sim
