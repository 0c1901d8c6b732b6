// Limiters' metadata on the server, for tools: each text has its own name, and every connection
// writes it, and again every hour.
//
// Nothing depends on it and nothing waits for it: if a server refuses it (an ACL user, no memory
// left), nothing else happens.
//
// A notice about a policy is compared with the previous one: two processes that give one policy
// name different numbers would drain each other's limits.
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

/// Published while somebody holds it.
struct Notice {
  std::string name;  ///< see redis/keys.h
  std::string text;
  /// "policy 'api' under the prefix 'sluice'", if the text has that policy's numbers; else empty.
  std::string policy{};
};

/// The command that publishes it for a day. For a policy the answer is the previous text. Refers to
/// the notice.
std::vector<std::string_view> NoticeCommand(const Notice& notice);

/// All notices of one gateway. Not thread safe.
class NoticeBoard {
 public:
  void Add(const std::shared_ptr<const Notice>& notice);
  /// The first notice after `place`, which moves on to it; null if there is none. Places begin at
  /// 0.
  std::shared_ptr<const Notice> Next(std::uint64_t& place);
  bool empty() const { return notices_.empty(); }

 private:
  std::uint64_t added_ = 0;
  std::map<std::uint64_t, std::weak_ptr<const Notice>> notices_;
};

/// A server's progress through a board: one notice after the other, so that no check waits behind
/// many. Not thread safe.
class NoticeRound {
 public:
  static constexpr Nanos kRenewal = std::chrono::hours(1);

  /// `board`: null if there is nothing to publish.
  explicit NoticeRound(std::shared_ptr<NoticeBoard> board) : board_(std::move(board)) {}

  /// Starts with the first one.
  void Begin(Nanos now);
  /// Whether there is one to publish now, which is then current(). The previous one must have been
  /// answered.
  bool Take(Nanos now);
  /// Precondition: taken, and not yet answered.
  const Notice& current() const { return *current_; }
  /// `refused`: the others would be refused too, and wait for the next round.
  void OnAnswer(bool refused);
  /// The same, with the server's reply.
  void OnReply(const Reply& reply, bool refused);
  /// The time for Take without other events.
  Nanos NextTime() const;

  /// Policies that had other numbers, each name once: since the last call, and all.
  std::vector<Warning> TakeNews() { return std::exchange(news_, {}); }
  bool has_news() const { return !news_.empty(); }
  const std::vector<Warning>& warnings() const { return warnings_; }

 private:
  void Compare(const Notice& notice, std::string_view before);

  std::shared_ptr<NoticeBoard> board_;
  std::shared_ptr<const Notice> current_;
  std::uint64_t place_ = 0;
  Nanos again_{0};
  std::set<std::string> differ_;  // names of notices with a warning
  std::vector<Warning> news_;
  std::vector<Warning> warnings_;
};

}  // namespace sluice::redis
