// The shipped script on a real server, at a time that a test sets.
//
// The server's own clock cannot be set, so two things are put in its place:
//   * The line marked @time reads the time from two keys instead of TIME; what it computes from the
//     answer is the shipped text.
//   * Keys are given a day to live (the line marked @min-ttl), and this class deletes a key when
//   the
//     set time has passed the time to live that the script would have given it, as the server
//     would. (That the script does give it is what TimesToLive checks.)
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "redis/redis_server.h"
#include "redis/request.h"

namespace sluice::testing {

class VirtualRedis {
 public:
  /// The smallest step of the server's clock.
  static constexpr Nanos kTick{1000};

  explicit VirtualRedis(RedisServer& server);

  /// Sets the time, forwards or back, and deletes what has expired by then. Returns the names of
  /// what it deleted. Precondition: now >= 0, a multiple of kTick.
  std::vector<std::string> SetTime(Nanos now);

  /// Runs one batch: 1 to redis::kMaxBatch checks and peeks. Throws std::runtime_error if the
  /// answer is not one that the script can give.
  std::vector<redis::Completion> Decide(std::span<const redis::Request> requests);

  /// Forgets a key under all policies of the set.
  void Reset(const redis::PolicySet& set, std::string_view key);

  /// Whether there is a state.
  bool Holds(const std::string& name) const { return expires_.contains(name); }

  /// The name of a key's state in Redis.
  static std::string NameOf(const redis::PolicySet& set, const redis::EscapedKey& key,
                            std::size_t policy);

 private:
  RedisServer& server_;
  std::string sha_;
  Nanos now_{0};
  std::map<std::string, std::int64_t> expires_;  // in ms, as the server counts
};

}  // namespace sluice::testing
