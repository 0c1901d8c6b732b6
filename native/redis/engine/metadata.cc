// Publishing of metadata, and the comparison of policies.
#include "redis/metadata.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "redis/redirect.h"

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

std::vector<std::string_view> MetadataCommand(const Metadata& metadata) {
  std::vector<std::string_view> words = {"SET", metadata.name, metadata.text, "EX", "86400"};
  if (!metadata.policy.empty()) words.emplace_back("GET");
  return words;
}

void MetadataList::Add(const std::shared_ptr<const Metadata>& metadata) {
  std::erase_if(entries_, [](const auto& entry) { return entry.second.expired(); });
  entries_.emplace(++added_, metadata);
}

std::shared_ptr<const Metadata> MetadataList::Next(std::uint64_t& place) {
  for (auto at = entries_.upper_bound(place); at != entries_.end(); at = entries_.erase(at)) {
    place = at->first;
    if (auto metadata = at->second.lock()) return metadata;
  }
  return nullptr;
}

void MetadataPublisher::Restart(Nanos now) {
  current_ = nullptr;
  place_ = 0;
  again_ = now + kRenewal;
}

void MetadataPublisher::Skip() {
  current_ = nullptr;
  place_ = std::numeric_limits<std::uint64_t>::max();
}

const Metadata* MetadataPublisher::TakeDue(Nanos now) {
  if (!list_ || current_) return nullptr;
  if (now >= again_) Restart(now);
  current_ = list_->Next(place_);
  return current_.get();
}

void MetadataPublisher::OnReply(const Reply& reply, Reply::Kind done) {
  const auto metadata = std::exchange(current_, nullptr);
  if (!metadata) return;
  const bool error = reply.kind == Reply::Kind::kError;
  // Each node of a cluster gets all entries, and accepts those of its slots.
  if (error && ReadRedirect(reply.text)) return;
  if (error || (metadata->policy.empty() && reply.kind != done)) return Skip();
  if (!metadata->policy.empty() && reply.kind == Reply::Kind::kText) {
    Compare(*metadata, reply.text);
  }
}

void MetadataPublisher::Compare(const Metadata& metadata, std::string_view before) {
  constexpr std::size_t kMost = 64;
  if (before == metadata.text || differ_.size() >= kMost) return;
  if (!differ_.insert(metadata.name).second) return;
  const Warning warning{
      WarningCode::kPolicyClash,
      metadata.policy + " is " + Shown(metadata.text) + " here, and " + Shown(before) +
          " in another process, now or within the last day: both count the same calls. Give each "
          "service its own prefix"};
  news_.push_back(warning);
  warnings_.push_back(warning);
}

Nanos MetadataPublisher::NextTime() const {
  return list_ && !list_->empty() && !current_ ? again_ : kNever;
}

}  // namespace sluice::redis
