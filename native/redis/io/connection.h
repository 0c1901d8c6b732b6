// The network side of a conversation: its server's addresses, a channel, and a password for each
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

/// Pending lookups that the next connection to the same endpoint can use: a name server or a
/// password function may take longer than a connection attempt.
struct Errands {
  std::shared_ptr<Lookup> lookup;
  std::shared_ptr<PasswordQuestion> question;
  Nanos asked{0};  ///< the time of the question

  bool any() const { return lookup || question; }
};

/// Used by the I/O thread alone. Events other than its channel's ring the wakeup, which must
/// outlive it, as must the resolver.
class Connection {
 public:
  Connection(std::shared_ptr<Conversation> conversation, Errands errands,
             std::shared_ptr<const Wakeup> wakeup, Resolver& resolver);

  const std::shared_ptr<Conversation>& conversation() const { return conversation_; }
  /// The pending lookups. Call it before the connection goes.
  Errands TakeErrands() { return std::exchange(errands_, {}); }

  /// Brings the connection into the state that the conversation wants.
  void Follow();
  void Write();
  /// The events for poll().
  pollfd Polled() const;
  /// Handles poll's answer. Reads at most once, into `buffer`; returns the number of bytes read.
  std::size_t OnPolled(short revents, std::span<char> buffer);
  /// Whether to call OnPolled again at once, whatever poll() says: the buffer was full, or the TLS
  /// session has more bytes from the socket.
  bool HasMore() const { return more_; }
  /// Whether the conversation wants another connection.
  bool IsOutOfDate() const { return conversation_->WantedConnection() != attempt_; }

 private:
  void Dial();
  void NoteProgress();
  void Greet();
  void NoteLost();
  std::size_t Read(std::span<char> buffer);
  bool Ready() const;

  const std::shared_ptr<Conversation> conversation_;
  const Endpoint& endpoint_;  // the conversation's
  const std::shared_ptr<const Wakeup> wakeup_;
  Resolver& resolver_;
  Channel channel_;

  std::uint64_t attempt_ = 0;  // the attempt number at the last look
  bool dialled_ = false;       // for this attempt
  bool greeted_ = false;       // OnConnected was called
  bool more_ = false;          // see HasMore
  Errands errands_;            // may outlive an attempt
};

}  // namespace sluice::redis
