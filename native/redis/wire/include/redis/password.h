// Password requests: one for each connection, because tokens expire.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace sluice::redis {

/// A request for a password. Thread safe. The requester may have gone when the answer comes.
class PasswordRequest {
 public:
  struct Answer {
    std::string password;  ///< empty if there is none
    std::string why;       ///< why there is none, for people
  };

  /// Calls `answered` when there is an answer, on the answering thread. Must not throw.
  explicit PasswordRequest(std::function<void()> answered) : answered_(std::move(answered)) {}

  /// The first of these counts.
  void Give(std::string password);
  void Refuse(std::string why);

  /// Not set while there is no answer.
  std::optional<Answer> answer() const;

 private:
  void Finish(Answer answer);

  const std::function<void()> answered_;
  mutable std::mutex mutex_;
  std::optional<Answer> answer_;
};

/// A source of passwords. Thread safe.
class PasswordSource {
 public:
  virtual ~PasswordSource() = default;
  /// Called on the I/O thread, for each new connection. Must neither block nor throw. The request
  /// may be answered at once, later, on any thread, or never.
  virtual void Ask(std::shared_ptr<PasswordRequest> request) = 0;
};

}  // namespace sluice::redis
