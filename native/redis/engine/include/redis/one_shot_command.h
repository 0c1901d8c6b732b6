// One command over a separate connection: CLUSTER SLOTS, ROLE, the master's address. So information
// about the servers never waits behind checks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/time.h"
#include "redis/protocol.h"
#include "redis/reply.h"

namespace sluice::redis {

/// Sends one command; make another one to repeat it. Not thread safe.
class OneShotCommand final : public Protocol {
 public:
  /// `timeout`: for connecting and the answer together. `bounds`: for the answer.
  OneShotCommand(Endpoint endpoint, std::vector<std::string> command, Nanos timeout, Nanos now,
                 const ReplyBounds& bounds = {});

  struct Answer {
    Reply reply;      ///< not an error
    std::string why;  ///< if not empty: why there is no reply; for people, without secrets
  };

  /// Whether it has ended, with an answer or without.
  bool done() const { return answer_.has_value(); }
  /// A password was given, but the server needs none.
  bool no_password() const { return no_password_; }
  /// Precondition: done().
  const Answer& answer() const { return *answer_; }
  /// The same, moved out. Precondition: done().
  Answer TakeAnswer() { return std::move(*answer_); }

  void OnConnected(Nanos now) override;
  void OnLost(std::string_view why, Nanos now) override;
  void OnRefused(std::string_view why, Nanos now) override { OnLost(why, now); }
  void OnBytes(std::string_view bytes, Nanos now) override;
  void OnWritten(std::size_t count) override { written_ += count; }
  void OnTime(Nanos now) override;
  std::uint64_t WantedConnection() const override { return done() ? 0 : 1; }
  std::string_view Output() const override { return std::string_view(out_).substr(written_); }
  Nanos NextTime() const override { return done() ? kNever : until_; }

 private:
  void Give(const std::string& why);
  void OnReply(Reply&& reply);

  const std::vector<std::string> command_;
  const Nanos until_;
  const ReplyBounds bounds_;
  bool connected_ = false;
  bool greeting_ = false;  // the next reply answers AUTH
  bool no_password_ = false;
  std::string out_;
  std::size_t written_ = 0;
  ReplyReader reader_;
  std::optional<Answer> answer_;
};

}  // namespace sluice::redis
