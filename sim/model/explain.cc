// Puts decisions into words.
#include "model/explain.h"

#include "model/duration.h"

namespace sluice::sim {
namespace {

// All spans of one explanation in one unit, so that a reader can check the sum.
class Spans {
 public:
  explicit Spans(const TatRule& rule) : unit_(UnitOf(rule.interval)) {
    // Seconds would hide the milliseconds that a denial is often about.
    if (unit_ == TimeUnit::kSeconds && rule.interval < std::chrono::seconds(10)) {
      unit_ = TimeUnit::kMillis;
    }
    decimals_ =
        unit_ == TimeUnit::kMillis && rule.interval >= std::chrono::milliseconds(20) ? 1 : 3;
  }
  std::string operator()(Nanos span) const { return FormatIn(span, unit_, decimals_); }

 private:
  TimeUnit unit_;
  int decimals_;
};

std::string Tokens(const std::string& amount) {
  return amount + (amount == "1" ? " token" : " tokens");
}

std::string HeldBefore(const Request& request) {
  if (request.RoomBefore() >= Nanos{0}) {
    return "The bucket held " + FormatTokens(request.rule, request.RoomBefore()) + " tokens";
  }
  return "The bucket was " + FormatTokens(request.rule, -request.RoomBefore(), true) +
         " tokens below empty";
}

std::string Reason(const Request& request) {
  const std::string cost = FormatCount(request.cost);
  if (request.cost == 0) return "Cost 0 is always admitted and takes nothing.";
  if (request.cost > request.rule.capacity) {
    return "Cost " + cost + " is more than the bucket can ever hold (" +
           FormatCount(request.rule.capacity) + "), so it can never be admitted.";
  }
  if (request.decision.allowed) {
    return HeldBefore(request) + "; cost " + cost + " took " + Tokens(cost) + " and left " +
           FormatTokens(request.rule, request.RoomAfter()) + ".";
  }
  const Nanos missing = request.decision.retry_after;
  return HeldBefore(request) + "; cost " + cost + " needs " + Tokens(cost) + ". The missing " +
         FormatTokens(request.rule, missing, true) + " refill in " + Spans(request.rule)(missing) +
         ".";
}

}  // namespace

Explanation Explain(const Request& request) {
  const Spans spans(request.rule);
  const Decision& decision = request.decision;
  const std::string interval = spans(request.rule.interval);
  const std::string span = spans(request.rule.Span());
  const std::string backlog = spans(request.backlog_before);
  const std::string room = spans(request.RoomBefore());

  Explanation text;
  text.verdict = decision.allowed ? "Admitted" : "Denied";
  text.reason = Reason(request);
  const auto times = [&](std::int64_t count) {
    return "= " + FormatCount(count) + " \u00d7 " + interval;
  };
  text.lines = {{"one token", "I", "", interval},
                {"full refill", "C \u00d7 I", times(request.rule.capacity), span},
                {"not refilled yet", "b", "", backlog},
                {"room", "C \u00d7 I \u2212 b", "", room}};
  if (request.cost > request.rule.capacity) {
    text.test = "n \u2264 C?  " + FormatCount(request.cost) + " \u2264 " +
                FormatCount(request.rule.capacity) + "?  No: denied for ever.";
  } else {
    const std::string need = spans(request.Need());
    text.lines.push_back({"needed", "n \u00d7 I", times(request.cost), need});
    text.test =
        need + " \u2264 " + room + "?  " + (decision.allowed ? "Yes: admitted." : "No: denied.");
  }
  text.answer = {{"remaining", "", "", FormatCount(decision.remaining)},
                 {"retry after", "", "", spans(decision.retry_after)},
                 {"full again after", "", "", spans(decision.reset_after)}};
  return text;
}

std::string DescribeBucket(const TokenBucket& bucket) {
  return "Token bucket: capacity " + FormatCount(bucket.rule().capacity) + ", refill " +
         FormatCount(bucket.refill()) + " every " + FormatDuration(bucket.every());
}

std::string DescribeLimit(const TokenBucket& bucket) {
  const double a_second = RefillPerSecond(bucket);
  const std::string pace = a_second >= 1 ? FormatNumber(a_second, 1) + " a second"
                                         : FormatNumber(a_second * 60, 2) + " a minute";
  return "At most " + FormatCount(bucket.rule().capacity) + " at once, then " + pace;
}

double RefillPerSecond(const TokenBucket& bucket) {
  return 1e9 / static_cast<double>(bucket.rule().interval.count());
}

}  // namespace sluice::sim
