// The shipped script on a real server, at a time that a test sets.
//
// The server's own clock cannot be set, so a fake `redis` runs before the script. It answers TIME
// with the set time, and records the script's times to live instead of setting them. When the set
// time has passed one, this class deletes the key, as the server would. The script's text is the
// shipped one, to the last byte. (TimesToLive checks that real times to live are in ms from now.)
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "redis/redis_server.h"
#include "redis/request.h"

namespace sluice::testing {

class VirtualRedis {
 public:
  /// The smallest step of the clock.
  static constexpr Nanos kTick{1000};

  explicit VirtualRedis(RedisServer& server);

  /// Sets the time, forwards or back, and deletes expired keys. Precondition: now >= 0,
  /// a multiple of kTick.
  void SetTime(Nanos now) { Set(now, true); }
  /// Sets the time without deleting keys. Keys that have expired by then do not count.
  void LookAt(Nanos now) { Set(now, false); }

  /// Runs one batch: 1 to redis::kMaxBatch requests, no resets. Throws std::runtime_error if the
  /// answer is not one that the script can give.
  std::vector<redis::Completion> Run(std::span<const redis::Request> requests);

  /// Deletes the states of a key under all policies of the request.
  void Reset(const redis::Request& request);

  /// Whether there is a state of that name, or a set of slots beside it.
  bool Holds(const std::string& name);
  /// Whether there is a state, or a block, of that name.
  bool HoldsText(const std::string& name);

  /// Changes `name` with a command of another client; the key then lives for a day.
  void Put(const std::vector<std::string>& command, const std::string& name);

  /// The number of keys without a time to live.
  std::int64_t Untimed();

  /// The name of a key's state in Redis.
  static std::string NameOf(const redis::Request& request, std::size_t policy);

 private:
  void Set(Nanos now, bool expires);

  RedisServer& server_;
  std::string sha_;
  std::string set_sha_;
  std::string untimed_sha_;
  Nanos now_{-1};
  bool expired_ = false;  // at now_
};

}  // namespace sluice::testing
