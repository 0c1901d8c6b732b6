// Who has put up what.
#include "redis/notices.h"

#include <limits>

namespace sluice::redis {

std::array<std::string_view, 5> NoticeCommand(const Notice& notice) {
  return {"SET", notice.name, notice.text, "EX", "86400"};
}

void NoticeBoard::Add(const std::shared_ptr<const Notice>& notice) {
  std::erase_if(notices_, [](const auto& entry) { return entry.second.expired(); });
  notices_.emplace(++added_, notice);
}

std::shared_ptr<const Notice> NoticeBoard::Next(std::uint64_t& place) {
  for (auto at = notices_.upper_bound(place); at != notices_.end(); at = notices_.erase(at)) {
    place = at->first;
    if (auto notice = at->second.lock()) return notice;
  }
  return nullptr;
}

void NoticeRound::Begin(Nanos now) {
  current_ = nullptr;
  place_ = 0;
  again_ = now + kRenewal;
}

bool NoticeRound::Take(Nanos now) {
  if (!board_ || current_) return false;
  if (now >= again_) Begin(now);
  current_ = board_->Next(place_);
  return current_ != nullptr;
}

void NoticeRound::OnAnswer(bool refused) {
  current_ = nullptr;
  if (refused) place_ = std::numeric_limits<std::uint64_t>::max();
}

Nanos NoticeRound::NextTime() const {
  return board_ && !board_->empty() && !current_ ? again_ : kNever;
}

}  // namespace sluice::redis
