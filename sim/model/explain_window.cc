// Explanations of fixed window, sliding window and sliding log, which count units in a time span.
#include <algorithm>
#include <utility>

#include "explain_parts.h"

namespace sluice::sim {
namespace {

// "cost 1 made it 13.", or the missing units; `frees` says when there will be room.
std::string Outcome(const Request& request, std::int64_t after, const std::string& frees) {
  const std::string cost = "cost " + FormatCount(request.cost);
  if (request.decision.allowed) return "; " + cost + " made it " + FormatCount(after) + ".";
  return "; " + cost + " does not fit. " + frees;
}

std::string OfLimit(std::int64_t count, const Request& request) {
  return FormatCount(count) + " of " + FormatCount(request.decision.limit);
}

Explanation::Fit CountFit(const Request& request, std::string name, std::int64_t taken) {
  return FitOf(std::move(name), static_cast<double>(taken), static_cast<double>(request.cost),
               static_cast<double>(request.decision.limit));
}

}  // namespace

void ExplainFixedWindow(const Request& request, Explanation& text) {
  const auto& window = std::get<FixedWindow>(request.policy->algorithm);
  const auto& [left, count, unused] = request.before.numbers;
  const std::string ends = SpanText(Micros{left});
  text.reason = ReasonWithoutState(request, "a window's limit");
  if (text.reason.empty()) {
    const bool opens = count == 0 && window.align() == FixedWindow::Align::kFirstRequest;
    text.reason = opens ? "A new window began with this request"
                        : "The window had counted " + OfLimit(count, request);
    text.reason += Outcome(request, request.after.numbers[1], "The window ends in " + ends + ".");
  }
  text.fit = CountFit(request, "counted", count);
  text.rule = "admit if count + n \u2264 L";
  text.hint = "The count starts anew with each window.";
  text.lines = {{"limit", "L", "", FormatCount(window.limit())},
                {"counted so far", "count", "", FormatCount(count)},
                {"window ends in", "", "", ends},
                {"needed", "n", "", FormatCount(request.cost)}};
  text.test = CountTest(request, count);
}

void ExplainSlidingWindow(const Request& request, Explanation& text) {
  const auto& window = std::get<SlidingWindow>(request.policy->algorithm);
  const auto& [left, current, previous] = request.before.numbers;
  const std::int64_t width = window.window().count();
  const std::int64_t weight = (std::min(left, width) * 1024 + width - 1) / width;
  const std::int64_t estimate = window.Estimate(request.before);
  const std::int64_t share = estimate - current;

  text.reason = ReasonWithoutState(request, "the limit");
  if (text.reason.empty()) {
    text.reason = "The window before counted " + FormatCount(previous) + ", and " +
                  FormatNumber(100.0 * static_cast<double>(weight) / 1024, 0) +
                  " % of it still overlaps: " + FormatCount(share) + ". With " +
                  FormatCount(current) + " in this one the estimate was " +
                  OfLimit(estimate, request) +
                  Outcome(request, window.Estimate(request.after),
                          "It will in " + SpanText(request.decision.retry_after) + ".");
  }
  text.fit = CountFit(request, "estimate", estimate);
  text.rule = "admit if estimate + n \u2264 L";
  text.hint = "The window before counts by its overlap with the last " +
              FormatDuration(window.window()) + ".";
  text.lines = {
      {"window before", "p", "", FormatCount(previous)},
      {"this window", "c", "", FormatCount(current)},
      {"overlap", "w", "= " + SpanText(Micros{left}) + " / " + FormatDuration(window.window()),
       FormatCount(weight) + "/1,024"},
      {"estimate", "p \u00d7 w + c", "= " + FormatCount(share) + " + " + FormatCount(current),
       FormatCount(estimate)},
      {"needed", "n", "", FormatCount(request.cost)}};
  text.test = CountTest(request, estimate);
}

void ExplainSlidingLog(const Request& request, Explanation& text) {
  const auto& log = std::get<SlidingLog>(request.policy->algorithm);
  const std::int64_t sum = request.before.numbers[0];
  const std::string window = FormatDuration(log.window());
  text.reason = ReasonWithoutState(request, "the limit");
  if (text.reason.empty()) {
    text.reason =
        "The last " + window + " held " + OfLimit(sum, request) + " units" +
        Outcome(request, request.after.numbers[0],
                "Enough of them leave it in " + SpanText(request.decision.retry_after) + ".");
  }
  text.fit = CountFit(request, "in the last " + window, sum);
  text.rule = "admit if sum + n \u2264 L";
  text.hint = "The sum of all costs admitted in the last " + window + ", exactly.";
  text.lines = {{"limit", "L", "", FormatCount(log.limit())},
                {"in the last " + window, "sum", "", FormatCount(sum)},
                {"needed", "n", "", FormatCount(request.cost)}};
  text.test = CountTest(request, sum);
}

}  // namespace sluice::sim
