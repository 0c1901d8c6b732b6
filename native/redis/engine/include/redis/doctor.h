// What is wrong with a server although it answers: it would lose state, cannot keep it, or lives in
// another time.
//
// A new connection asks a few questions of which a server may refuse any (a managed one, an ACL
// user): then nothing is said of what they were about. Holds no clock. Not thread safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/time.h"
#include "redis/reply.h"
#include "redis/stats.h"

namespace sluice::redis {

enum class Question : std::uint8_t {
  kTime,         ///< TIME
  kReplication,  ///< INFO replication
  kMemory,       ///< INFO memory
  kConfig,       ///< CONFIG GET maxmemory*: where INFO does not tell
};

/// Appends the question as a command.
void AppendQuestion(Question question, std::string& out);

/// A server's answers. Empty: refused, or nothing to be made sense of.
struct Examination {
  std::string replication;
  std::string memory;
  std::vector<std::string> config;  ///< names and values in turn
  std::vector<std::string> time;    ///< seconds and microseconds since 1970
  /// When `time` was asked for and heard, on this process's monotonic clock.
  Nanos asked{0};
  Nanos heard{0};
  bool no_password = false;  ///< it was given a password and asks for none

  void Note(Question question, Reply&& reply);
  /// Whether kConfig is worth asking.
  bool LacksPolicy() const;
};

/// The warning with code kNoPassword.
Warning NoPasswordWarning();

/// All that is wrong. `wall`: this process's time since 1970, less its monotonic clock's.
///
///   kEvictingPolicy  maxmemory is set and maxmemory-policy is not noeviction: all of a limiter's
///                    keys have a time to live, so every other policy may forget them
///   kReplica         it is one
///   kNoPassword      it was given a password and asks for none
///   kClock           it is more than a second off, whenever between asking and hearing it looked
std::vector<Warning> Diagnose(const Examination& examination, Nanos wall);

/// Remembers what was found.
class Doctor {
 public:
  /// What is found now and was not found the last time.
  std::vector<Warning> See(const Examination& examination, Nanos wall);
  const std::vector<Warning>& warnings() const { return warnings_; }

 private:
  std::vector<Warning> warnings_;
};

}  // namespace sluice::redis
