// Peeks at a subject at other moments and costs.
#include "support/trace_probe.h"

#include <algorithm>

#include "support/policies.h"

namespace sluice::testing {
namespace {

constexpr std::int64_t kLargestCost = (std::int64_t{1} << 31) - 1;

std::string Tell(const std::string& promise, const std::string& broken) {
  return broken.empty() ? "" : promise + broken + "\n";
}

}  // namespace

Nanos Probe::WholeTicks(Nanos span) const { return (span + tick_ - Nanos{1}) / tick_ * tick_; }

std::vector<Decision> Probe::Peek(const Subject::Question& question, Nanos moment) const {
  std::vector<Decision> decisions(policies_.size());
  subject_.Peek(question, moment, decisions);
  return decisions;
}

Subject::Question Probe::Costless() const {
  Subject::Question question = question_;
  question.max_wait = kNoWait;
  for (Ask& ask : question.asks) ask.cost = 0;
  return question;
}

void Probe::Before() { before_ = Stands(); }

std::string Probe::After(Random& random, std::span<const Decision> told, Call call) const {
  std::string broken =
      Tell("property 3, a denial changes nothing, all or none are charged: ", Charges(told, call));
  for (std::size_t i = 0; i < told.size(); ++i) {
    const std::string policy = "policy " + std::to_string(i) + " ";
    // For a denial that charges or blocks, a peek shows the wait after that.
    const bool foretells = policies_[i].charge_denied || policies_[i].block_for > Nanos{0};
    if (call != Call::kPeek || !foretells) {
      broken += Tell("property 2, retryAfter is tight: " + policy, Retry(i, told[i]));
    }
    broken += Tell("remaining: " + policy, Remaining(i, told[i]));
    broken += Tell("resetAfter: " + policy, Reset(i, told[i]));
  }
  return broken + Tell("property 4, a clock steps back: ", StepBack(random));
}

std::string Probe::Charges(std::span<const Decision> told, Call call) const {
  const Standing after = Stands();
  const bool exceeds_capacity = std::ranges::any_of(
      told, [](const Decision& d) { return d.enforced && d.retry_after == kNever; });
  for (std::size_t i = 0; i < told.size(); ++i) {
    const std::string policy = "policy " + std::to_string(i) + ": ";
    const std::int64_t cost = question_.asks[i].cost;
    if (call == Call::kAdmitted && told[i].allowed && cost > 0) {
      const bool counts_units = !std::holds_alternative<Concurrency>(policies_[i].algorithm);
      const std::int64_t had = before_.left[i].remaining;
      const std::int64_t has = after.left[i].remaining;
      if (has == std::max<std::int64_t>(0, had - (counts_units ? cost : 1))) continue;
      return policy + "admitted at a cost of " + std::to_string(cost) + ", " + std::to_string(had) +
             " left became " + std::to_string(has);
    }
    const bool charges = policies_[i].charge_denied || policies_[i].block_for > Nanos{0};
    const bool free = call == Call::kPeek || cost == 0 || exceeds_capacity || !charges;
    // After an admission the next answer differs anyway if another policy was charged.
    const bool same = call == Call::kAdmitted || Same(before_.asked[i], after.asked[i]);
    if (!free || (same && Same(before_.left[i], after.left[i]))) continue;
    return policy + "charged, though " + (call == Call::kPeek ? "only looked at" : "not admitted") +
           ": " + Text(before_.asked[i]) + " became " + Text(after.asked[i]);
  }
  return "";
}

std::string Probe::Retry(std::size_t i, const Decision& told) const {
  if (told.allowed) return told.retry_after == Nanos{0} ? "" : "admitted, and retryAfter set";
  if (told.retry_after == kNever) {
    const Decision later = Peek(now_ + kLongestSpan)[i];
    return later.allowed ? "admitted after all, after 'never'" : "";
  }
  const Nanos wait = WholeTicks(told.retry_after);
  const Decision then = Peek(now_ + wait)[i];
  const Decision earlier = Peek(now_ + wait - tick_)[i];
  if (!then.allowed) return "after retryAfter still " + Text(then);
  return earlier.allowed ? "a tick before retryAfter already " + Text(earlier) : "";
}

std::string Probe::Remaining(std::size_t i, const Decision& told) const {
  Subject::Question question = Costless();
  const bool counts_units = !std::holds_alternative<Concurrency>(policies_[i].algorithm);
  const auto admits = [&](std::int64_t cost) {
    question.asks[i].cost = std::min(cost, kLargestCost);
    return Peek(question, now_)[i].allowed;
  };
  if (told.remaining < 0 || told.remaining > told.limit) return "remaining out of range";
  if (told.remaining > 0 && !admits(told.remaining)) return "what remains is denied";
  const std::int64_t more = counts_units ? told.remaining + 1 : 1;
  const bool askable = more <= kLargestCost && (counts_units || told.remaining == 0);
  return askable && admits(more) ? "more than remains is admitted" : "";
}

std::string Probe::Reset(std::size_t i, const Decision& told) const {
  const Subject::Question question = Costless();
  const auto is_new = [&](Nanos moment) {
    const Decision then = Peek(question, moment)[i];
    return then.remaining == then.limit && then.reset_after == Nanos{0};
  };
  const Nanos wait = WholeTicks(told.reset_after);
  if (!is_new(now_ + wait)) return "after resetAfter it does not equal a new one";
  if (wait > Nanos{0} && is_new(now_ + wait - tick_)) {
    return "a tick before resetAfter it equals a new one";
  }
  return "";
}

std::string Probe::StepBack(Random& random) const {
  const Nanos back = WholeTicks(Nanos{random.Magnitude(
      std::max<std::int64_t>(1, std::min(now_, Nanos{std::chrono::days(2)}).count()))});
  if (back > now_) return "";
  const std::vector<Decision> on_time = Peek(now_);
  const std::vector<Decision> stepped = Peek(now_ - back);
  for (std::size_t i = 0; i < on_time.size(); ++i) {
    const bool more = stepped[i].allowed && !on_time[i].allowed;
    // A denial caused by the step back may itself block or charge.
    const Policy& policy = policies_[i];
    const bool free = !policy.charge_denied && policy.block_for == Nanos{0};
    const bool longer = free && !stepped[i].allowed && stepped[i].retry_after != kNever &&
                        stepped[i].retry_after > on_time[i].retry_after + back;
    if (more || longer) {
      return "policy " + std::to_string(i) + ": the clock back by " + std::to_string(back.count()) +
             ": " + Text(stepped[i]) + "; on time: " + Text(on_time[i]);
    }
  }
  return "";
}

}  // namespace sluice::testing
