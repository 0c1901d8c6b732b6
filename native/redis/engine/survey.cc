// Inquiries in turn.
#include "redis/survey.h"

#include <algorithm>

namespace sluice::redis {

void Survey::Start(std::vector<Endpoint> candidates, std::vector<std::string> command, Nanos now,
                   const ReplyTreeBounds& bounds) {
  Stop();
  bounds_ = bounds;
  candidates_ = std::move(candidates);
  command_ = std::move(command);
  next_ = 0;
  why_.clear();
  running_ = true;
  Ask(now);
}

void Survey::Stop() {
  changed_ = changed_ || !inquiries_.empty();
  inquiries_.clear();
  running_ = false;
  patient_until_ = kNever;
}

void Survey::Ask(Nanos now) {
  patient_until_ = kNever;
  if (next_ == candidates_.size() || inquiries_.size() >= options_.most) return;
  inquiries_.push_back(
      std::make_shared<Inquiry>(candidates_[next_++], command_, options_.timeout, now, bounds_));
  patient_until_ = now + options_.patience;
  changed_ = true;
}

std::optional<Survey::Answer> Survey::Turn(Nanos now) {
  if (!running_) return std::nullopt;
  for (auto at = inquiries_.begin(); at != inquiries_.end();) {
    if (!(*at)->done()) {
      ++at;
      continue;
    }
    const std::shared_ptr<Inquiry> ended = *at;
    at = inquiries_.erase(at);
    changed_ = true;
    Inquiry::Answer answer = ended->TakeAnswer();
    if (answer.why.empty()) {
      return Answer{.from = ended->endpoint(),
                    .reply = std::move(answer.reply),
                    .no_password = ended->no_password()};
    }
    why_ = std::move(answer.why);
    patient_until_ = now;
  }
  if (inquiries_.empty() || now >= patient_until_) Ask(now);
  if (inquiries_.empty()) running_ = false;
  return std::nullopt;
}

Nanos Survey::NextTime() const { return running_ ? patient_until_ : kNever; }

}  // namespace sluice::redis
