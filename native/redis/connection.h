// What a link needs of the network: its server's addresses, a channel, a password for each
// connection.
#pragma once

#include <poll.h>

#include <array>
#include <cstdint>
#include <memory>

#include "channel.h"
#include "core/time.h"
#include "redis/endpoint.h"
#include "redis/link.h"
#include "redis/password.h"
#include "resolver.h"
#include "wakeup.h"

namespace sluice::redis {

/// Of the I/O thread alone. What it waits for besides its channel rings the wakeup.
class Connection {
 public:
  /// The link and the endpoint must outlive this.
  Connection(Link& link, const Endpoint& endpoint, std::shared_ptr<const Wakeup> wakeup);

  /// Makes the connection what the link wants it to be.
  void Follow();
  void Write();
  /// What poll() is to wait for.
  pollfd Polled() const;
  /// What it answered.
  void OnPolled(short revents);
  /// The link wants another connection than this is.
  bool IsOutOfDate() const { return link_.WantedConnection() != attempt_; }
  void Close() { channel_.Close(); }

 private:
  void Dial();
  void NoteProgress();
  void Greet();
  void NoteLost();
  void Read();
  bool Ready() const;

  Link& link_;
  const Endpoint& endpoint_;
  const std::shared_ptr<const Wakeup> wakeup_;
  Channel channel_;

  std::uint64_t attempt_ = 0;  // the connection that the link wanted when last asked
  bool dialled_ = false;       // for this attempt
  bool greeted_ = false;       // the link has been told that it is connected
  std::shared_ptr<Lookup> lookup_;
  std::shared_ptr<PasswordQuestion> question_;  // may outlive an attempt
  Nanos asked_{0};
  std::array<char, 65536> buffer_;
};

}  // namespace sluice::redis
