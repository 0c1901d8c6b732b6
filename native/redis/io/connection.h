// The network side of a protocol: its server's addresses, a channel, and a password for each
// connection.
#pragma once

#include <poll.h>

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "channel.h"
#include "core/time.h"
#include "redis/password.h"
#include "redis/protocol.h"
#include "resolver.h"
#include "wakeup.h"

namespace sluice::redis {

/// Pending lookups that the next connection to the same endpoint can use: a name server or a
/// password function may take longer than a connection attempt.
struct PendingLookups {
  std::shared_ptr<Lookup> lookup;
  std::shared_ptr<PasswordRequest> request;
  Nanos asked{0};  ///< the time of the request

  bool any() const { return lookup || request; }
};

/// Used by the I/O thread alone. Events other than its channel's ring the wakeup, which must
/// outlive it, as must the resolver.
class Connection {
 public:
  Connection(std::shared_ptr<Protocol> protocol, PendingLookups pending,
             std::shared_ptr<const Wakeup> wakeup, Resolver& resolver);

  const std::shared_ptr<Protocol>& protocol() const { return protocol_; }
  /// The pending lookups. Call it before the connection goes.
  PendingLookups TakePending() { return std::exchange(pending_, {}); }

  /// Brings the connection into the state that the protocol wants.
  void Follow();
  void Write();
  /// The events for poll().
  pollfd Polled() const;
  /// Handles poll's answer. Reads at most once, into `buffer`; returns the number of bytes read.
  std::size_t OnPolled(short revents, std::span<char> buffer);
  /// Whether to call OnPolled again at once, whatever poll() says: the buffer was full, or the TLS
  /// session has more bytes from the socket.
  bool HasMore() const { return more_; }
  /// Whether the protocol wants another connection.
  bool IsOutOfDate() const { return protocol_->WantedConnection() != attempt_; }

 private:
  void Dial();
  void NoteProgress();
  void Greet();
  void NoteLost();
  std::size_t Read(std::span<char> buffer);
  bool Ready() const;

  const std::shared_ptr<Protocol> protocol_;
  const Endpoint& endpoint_;  // the protocol's
  const std::shared_ptr<const Wakeup> wakeup_;
  Resolver& resolver_;
  Channel channel_;

  std::uint64_t attempt_ = 0;  // the attempt number at the last look
  bool dialled_ = false;       // for this attempt
  bool greeted_ = false;       // OnConnected was called
  bool more_ = false;          // see HasMore
  PendingLookups pending_;     // may outlive an attempt
};

}  // namespace sluice::redis
