// Concurrency: held slots.
#include "algorithms/list.h"
#include "info_parts.h"

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

// How long calls run belongs to the traffic, but only this algorithm asks for it.
Hold HoldOf(const PolicyNumbers& n) {
  return {.mean = n.Span("hold"), .fixed = n["hold-kind"] != 0};
}

constexpr std::string_view kHoldKinds[] = {"exponential", "fixed"};
constexpr Field kSlotFields[] = {LimitField(10),
                                 {.name = "ttl",
                                  .help = "When a slot that nobody releases is given back",
                                  .kind = Field::Kind::kSpan,
                                  .initial = Seconds(5)},
                                 {.name = "hold",
                                  .help = "How long a call runs and holds its slot",
                                  .kind = Field::Kind::kSpan,
                                  .initial = Seconds(1)},
                                 {.name = "hold-kind",
                                  .help = "--hold is the mean of exponential times, or fixed",
                                  .kind = Field::Kind::kChoice,
                                  .choices = kHoldKinds}};

}  // namespace

const AlgorithmInfo kConcurrencyInfo{
    .name = Concurrency::kName,
    .title = "Concurrency",
    .fields = kSlotFields,
    .span = "ttl",
    .make =
        [](const PolicyNumbers& n, PolicyFault& fault) {
          return Made(Concurrency::Make(n["limit"], n.Span("ttl"), fault));
        },
    .check = [](const PolicyNumbers& n) -> std::string {
      const Nanos hold = n.Span("hold");
      if (hold >= std::chrono::microseconds(1) && hold <= kLongestSpan) return {};
      return "hold " + FormatDuration(hold) + ": must be 1 \u00b5s to 100 days";
    },
    .hold = HoldOf,
    .used = UsedNumber<0>,
    .numbers =
        [](const PolicyNumbers& n) {
          return "limit " + FormatCount(n["limit"]) + ", ttl " + FormatDuration(n.Span("ttl"));
        },
    .limit = [](const ChosenPolicy& policy) { return AtMost(policy) + " at a time"; },
    .detail =
        [](const ChosenPolicy& policy) {
          const Hold hold = HoldOf(policy.numbers);
          return "a call holds its slot for " + FormatDuration(hold.mean) +
                 (hold.fixed ? "" : " on average");
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
