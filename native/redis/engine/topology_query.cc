// The attempts, one after the other.
#include "redis/topology_query.h"

#include <algorithm>

namespace sluice::redis {

void TopologyQuery::Start(std::vector<Endpoint> candidates, std::vector<std::string> command,
                          Nanos now, const ReplyBounds& bounds) {
  Stop();
  bounds_ = bounds;
  candidates_ = std::move(candidates);
  command_ = std::move(command);
  next_ = 0;
  why_.clear();
  running_ = true;
  Ask(now);
}

void TopologyQuery::Stop() {
  changed_ = changed_ || !attempts_.empty();
  attempts_.clear();
  running_ = false;
  patient_until_ = kNever;
}

void TopologyQuery::Ask(Nanos now) {
  patient_until_ = kNever;
  if (next_ == candidates_.size() || attempts_.size() >= options_.most) return;
  attempts_.push_back(std::make_shared<OneShotCommand>(candidates_[next_++], command_,
                                                       options_.timeout, now, bounds_));
  patient_until_ = now + options_.patience;
  changed_ = true;
}

std::optional<TopologyQuery::Answer> TopologyQuery::Advance(Nanos now) {
  if (!running_) return std::nullopt;
  for (auto at = attempts_.begin(); at != attempts_.end();) {
    if (!(*at)->done()) {
      ++at;
      continue;
    }
    const std::shared_ptr<OneShotCommand> ended = *at;
    at = attempts_.erase(at);
    changed_ = true;
    OneShotCommand::Answer answer = ended->TakeAnswer();
    if (answer.why.empty()) {
      return Answer{.from = ended->endpoint(),
                    .reply = std::move(answer.reply),
                    .no_password = ended->no_password()};
    }
    why_ = std::move(answer.why);
    patient_until_ = now;
  }
  if (attempts_.empty() || now >= patient_until_) Ask(now);
  if (attempts_.empty()) running_ = false;
  return std::nullopt;
}

Nanos TopologyQuery::NextTime() const { return running_ ? patient_until_ : kNever; }

}  // namespace sluice::redis
