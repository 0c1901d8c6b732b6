// Asks several servers the same, one after the other, until one gives an answer of use.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/time.h"
#include "redis/inquiry.h"

namespace sluice::redis {

/// Not thread safe.
class Survey {
 public:
  struct Options {
    Nanos timeout = std::chrono::milliseconds(1000);  ///< of each question
    /// A server that has not answered by then is not waited for alone: the next one is asked, too.
    Nanos patience = std::chrono::milliseconds(150);
    std::size_t most = 3;  ///< questions under way
  };

  struct Answer {
    Endpoint from;
    ReplyTree reply;
    bool no_password = false;  ///< see Inquiry
  };

  explicit Survey(const Options& options) : options_(options) {}

  /// Begins anew with these, in this order. `bounds`: of each answer.
  void Start(std::vector<Endpoint> candidates, std::vector<std::string> command, Nanos now,
             const ReplyTreeBounds& bounds = {});
  /// Forgets what is under way.
  void Stop();
  /// Between Start and the end: the last answer taken, no candidate left, or Stop.
  bool running() const { return running_; }
  /// Goes on. Returns an answer if one has come: call again until none is returned, or Stop.
  std::optional<Answer> Turn(Nanos now);
  /// An answer was of no use. For people.
  void Reject(std::string why) { why_ = std::move(why); }
  /// Why the last one failed.
  const std::string& why() const { return why_; }

  /// When Turn has to be called, beside the inquiries' own times.
  Nanos NextTime() const;
  const std::vector<std::shared_ptr<Inquiry>>& inquiries() const { return inquiries_; }
  /// Whether inquiries() has changed since the last call.
  bool TakeChanged() { return std::exchange(changed_, false); }

 private:
  void Ask(Nanos now);

  const Options options_;
  std::vector<Endpoint> candidates_;
  std::size_t next_ = 0;  // candidate
  std::vector<std::string> command_;
  ReplyTreeBounds bounds_;
  bool running_ = false;
  bool changed_ = false;
  Nanos patient_until_ = kNever;
  std::string why_;
  std::vector<std::shared_ptr<Inquiry>> inquiries_;
};

}  // namespace sluice::redis
