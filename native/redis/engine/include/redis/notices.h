// What limiters say of themselves on the server, for whoever looks at their keys: each a text under
// a name of its own, which every connection puts up, and again every hour.
//
// Nothing depends on it and nobody waits for it: where a server refuses (an ACL user, no memory
// left), that is all.
//
// A notice about a policy is compared with the one that it replaces: two processes that give one
// policy name other numbers would drain each other's limits.
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

/// Put up for as long as someone holds it.
struct Notice {
  std::string name;  ///< see redis/keys.h
  std::string text;
  /// "policy 'api' under the prefix 'sluice'", if the text is what that policy's numbers are; else
  /// empty.
  std::string policy{};
};

/// The command that puts it up, for a day; the answer to one about a policy is the text that stood
/// there. Refers to the notice.
std::vector<std::string_view> NoticeCommand(const Notice& notice);

/// All notices of one gateway. Not thread safe.
class NoticeBoard {
 public:
  void Add(const std::shared_ptr<const Notice>& notice);
  /// The first one behind `place`, which moves on to it; null if there is none. Places begin at 0.
  std::shared_ptr<const Notice> Next(std::uint64_t& place);
  bool empty() const { return notices_.empty(); }

 private:
  std::uint64_t added_ = 0;
  std::map<std::uint64_t, std::weak_ptr<const Notice>> notices_;
};

/// A server's way through a board: one notice after the other, so that no check waits behind many.
/// Not thread safe.
class NoticeRound {
 public:
  static constexpr Nanos kRenewal = std::chrono::hours(1);

  /// `board`: null if there is nothing to put up.
  explicit NoticeRound(std::shared_ptr<NoticeBoard> board) : board_(std::move(board)) {}

  /// From the first one on.
  void Begin(Nanos now);
  /// Whether there is one to put up now, which is then current(). The one before has to be
  /// answered.
  bool Take(Nanos now);
  /// Precondition: taken, and not answered.
  const Notice& current() const { return *current_; }
  /// `refused`: the others would be, too; they wait for the next round.
  void OnAnswer(bool refused);
  /// The same, with the server's reply.
  void OnReply(const Reply& reply, bool refused);
  /// When Take has to be called though nothing else happens.
  Nanos NextTime() const;

  /// Policies that had other numbers, of each name once: since the last call, and all.
  std::vector<Warning> TakeNews() { return std::exchange(news_, {}); }
  bool has_news() const { return !news_.empty(); }
  const std::vector<Warning>& warnings() const { return warnings_; }

 private:
  void Compare(const Notice& notice, std::string_view before);

  std::shared_ptr<NoticeBoard> board_;
  std::shared_ptr<const Notice> current_;
  std::uint64_t place_ = 0;
  Nanos again_{0};
  std::set<std::string> differ_;  // names of notices that were warned of
  std::vector<Warning> news_;
  std::vector<Warning> warnings_;
};

}  // namespace sluice::redis
