// What a conversation needs of the network: its server's addresses, a channel, a password for each
// connection.
#pragma once

#include <poll.h>

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "channel.h"
#include "core/time.h"
#include "redis/conversation.h"
#include "redis/password.h"
#include "resolver.h"
#include "wakeup.h"

namespace sluice::redis {

/// What was begun for a connection and is of use to the next one to the same endpoint: a name
/// server or a password function may take longer than an attempt to connect is given.
struct Errands {
  std::shared_ptr<Lookup> lookup;
  std::shared_ptr<PasswordQuestion> question;
  Nanos asked{0};  ///< when the question was

  bool any() const { return lookup || question; }
};

/// Used by the I/O thread alone. Events other than its channel's ring the wakeup. The resolver must
/// outlive it.
class Connection {
 public:
  Connection(std::shared_ptr<Conversation> conversation, Errands errands,
             std::shared_ptr<const Wakeup> wakeup, Resolver& resolver);

  const std::shared_ptr<Conversation>& conversation() const { return conversation_; }
  /// What is still to be done. Call when it goes.
  Errands TakeErrands() { return std::exchange(errands_, {}); }

  /// Makes the connection what the conversation wants it to be.
  void Follow();
  void Write();
  /// What poll() is to wait for.
  pollfd Polled() const;
  /// Handles poll's answer. Reads at most once, into `buffer`; returns the number of bytes read.
  std::size_t OnPolled(short revents, std::span<char> buffer);
  /// Call OnPolled again at once, whatever poll() says: the buffer was full, and poll() does not
  /// know what a TLS session has taken from the socket.
  bool HasMore() const { return more_; }
  /// The conversation wants another connection than this is.
  bool IsOutOfDate() const { return conversation_->WantedConnection() != attempt_; }

 private:
  void Dial();
  void NoteProgress();
  void Greet();
  void NoteLost();
  std::size_t Read(std::span<char> buffer);
  bool Ready() const;

  const std::shared_ptr<Conversation> conversation_;
  const Endpoint& endpoint_;  // of the conversation
  const std::shared_ptr<const Wakeup> wakeup_;
  Resolver& resolver_;
  Channel channel_;

  std::uint64_t attempt_ = 0;  // the connection that was wanted when last asked
  bool dialled_ = false;       // for this attempt
  bool greeted_ = false;       // the conversation knows that it is connected
  bool more_ = false;          // see HasMore
  Errands errands_;            // may outlive an attempt
};

}  // namespace sluice::redis
