// Sends several servers the same command, one after the other, until one gives a valid answer.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/time.h"
#include "redis/one_shot_command.h"

namespace sluice::redis {

/// Not thread safe.
class TopologyQuery {
 public:
  struct Options {
    Nanos timeout = std::chrono::milliseconds(1000);  ///< per attempt
    /// After this time without an answer, the next server is asked too.
    Nanos patience = std::chrono::milliseconds(150);
    std::size_t most = 3;  ///< attempts in flight
  };

  struct Answer {
    Endpoint from;
    Reply reply;
    bool no_password = false;  ///< see OneShotCommand
  };

  explicit TopologyQuery(const Options& options) : options_(options) {}

  /// Starts with these servers, in this order. `bounds`: for each answer.
  void Start(std::vector<Endpoint> candidates, std::vector<std::string> command, Nanos now,
             const ReplyBounds& bounds = {});
  /// Drops all attempts.
  void Stop();
  /// True from Start until the last answer was taken, no candidate is left, or Stop.
  bool running() const { return running_; }
  /// Continues. Returns an answer if one has come: call again until none is returned, or Stop.
  std::optional<Answer> Advance(Nanos now);
  /// Rejects an invalid answer. `why` is for people.
  void Reject(std::string why) { why_ = std::move(why); }
  /// The reason why the last one failed.
  const std::string& why() const { return why_; }

  /// The time for Advance, besides the attempts' own times.
  Nanos NextTime() const;
  const std::vector<std::shared_ptr<OneShotCommand>>& attempts() const { return attempts_; }
  /// Whether attempts() has changed since the last call.
  bool TakeChanged() { return std::exchange(changed_, false); }

 private:
  void Ask(Nanos now);

  const Options options_;
  std::vector<Endpoint> candidates_;
  std::size_t next_ = 0;  // candidate
  std::vector<std::string> command_;
  ReplyBounds bounds_;
  bool running_ = false;
  bool changed_ = false;
  Nanos patient_until_ = kNever;
  std::string why_;
  std::vector<std::shared_ptr<OneShotCommand>> attempts_;
};

}  // namespace sluice::redis
