// Metadata of limiters on the server, for tools: each text has its own key, which every connection
// writes when it is ready, and again every hour.
//
// No request waits for it, and a refusal (an ACL user, no memory left) has no effect. So it is not
// a request: requests are counted, wait for the server and inform the breaker (docs/adr/0010).
//
// The numbers of a policy are compared with the previous text: two processes that give one policy
// name different numbers drain each other's limits.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/time.h"
#include "redis/reply.h"
#include "redis/stats.h"

namespace sluice::redis {

/// One text. Published while somebody holds it.
struct Metadata {
  std::string name;  ///< of the key; see redis/keys.h
  std::string text;
  /// "policy 'api' under the prefix 'sluice'", if the text has that policy's numbers; else empty.
  std::string policy{};
};

/// The command that writes it for a day. For a policy the reply is the previous text. Refers to
/// `metadata`.
std::vector<std::string_view> MetadataCommand(const Metadata& metadata);

/// All metadata of one backend. Not thread safe.
class MetadataList {
 public:
  void Add(const std::shared_ptr<const Metadata>& metadata);
  /// The first entry after `place`, which moves on to it; null if there is none. Places begin at 0.
  std::shared_ptr<const Metadata> Next(std::uint64_t& place);
  bool empty() const { return entries_.empty(); }

 private:
  std::uint64_t added_ = 0;
  std::map<std::uint64_t, std::weak_ptr<const Metadata>> entries_;
};

/// Writes a list to one server: one command after the other, so that no check waits behind many.
/// Not thread safe.
class MetadataPublisher {
 public:
  static constexpr Nanos kRenewal = std::chrono::hours(1);

  /// `list`: null if there is nothing to publish.
  explicit MetadataPublisher(std::shared_ptr<MetadataList> list) : list_(std::move(list)) {}

  /// Starts again with the first entry.
  void Restart(Nanos now);
  /// Leaves the other entries to the next round: the server would refuse them too, or the last one
  /// got no reply.
  void Skip();
  /// The entry to write now; null if there is none, or one awaits its reply. Valid until the reply.
  const Metadata* TakeDue(Nanos now);
  /// The reply to the last one. `done`: the kind of "OK" without a previous text.
  void OnReply(const Reply& reply, Reply::Kind done);
  /// The time for TakeDue without other events.
  Nanos NextTime() const;

  /// Policies that had other numbers, each name once: since the last call, and all.
  std::vector<Warning> TakeNews() { return std::exchange(news_, {}); }
  bool has_news() const { return !news_.empty(); }
  const std::vector<Warning>& warnings() const { return warnings_; }

 private:
  void Compare(const Metadata& metadata, std::string_view before);

  std::shared_ptr<MetadataList> list_;
  std::shared_ptr<const Metadata> current_;
  std::uint64_t place_ = 0;
  Nanos again_{0};
  std::set<std::string> differ_;  // names of entries with a warning
  std::vector<Warning> news_;
  std::vector<Warning> warnings_;
};

}  // namespace sluice::redis
