// Progress and answers of notices.
#include "redis/notices.h"

#include <algorithm>
#include <limits>

namespace sluice::redis {

namespace {

// A server may hold anything under our names.
std::string Shown(std::string_view text) {
  constexpr std::size_t kLongest = 200;
  const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
  if (text.empty() || !std::ranges::all_of(text, printable)) return "something unreadable";
  std::string shown(text.substr(0, kLongest));
  if (text.size() > kLongest) shown += "...";
  return shown;
}

}  // namespace

std::vector<std::string_view> NoticeCommand(const Notice& notice) {
  std::vector<std::string_view> words = {"SET", notice.name, notice.text, "EX", "86400"};
  if (!notice.policy.empty()) words.emplace_back("GET");
  return words;
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

void NoticeRound::OnReply(const Reply& reply, bool refused) {
  const std::shared_ptr<const Notice> notice = current_;
  OnAnswer(refused);
  if (notice && !notice->policy.empty() && reply.kind == Reply::Kind::kText)
    Compare(*notice, reply.text);
}

void NoticeRound::Compare(const Notice& notice, std::string_view before) {
  constexpr std::size_t kMost = 64;
  if (before == notice.text || differ_.size() >= kMost) return;
  if (!differ_.insert(notice.name).second) return;
  const Warning warning{
      WarningCode::kPolicyClash,
      notice.policy + " is " + Shown(notice.text) + " here, and " + Shown(before) +
          " in another process, now or within the last day: both count the same calls. Give each "
          "service a prefix of its own"};
  news_.push_back(warning);
  warnings_.push_back(warning);
}

Nanos NoticeRound::NextTime() const {
  return board_ && !board_->empty() && !current_ ? again_ : kNever;
}

}  // namespace sluice::redis
