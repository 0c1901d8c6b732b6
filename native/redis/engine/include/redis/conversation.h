// What the I/O thread drives: one connection's protocol, as a state machine without a socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/time.h"
#include "redis/endpoint.h"

namespace sluice::redis {

/// Bytes, events and the time go in; bytes and a wish for a connection come out. Not thread safe.
class Conversation {
 public:
  virtual ~Conversation() = default;

  /// With whom, and as whom. Never changes.
  virtual const Endpoint& endpoint() const = 0;

  // ---- In. `now` never decreases.

  /// What the connection that is wanted waits for: said if it takes too long. For people.
  virtual void OnStage(std::string_view stage) = 0;
  /// The password of the next connection, in place of the endpoint's.
  virtual void SetPassword(std::string password) = 0;
  /// The connection that was wanted is there.
  virtual void OnConnected(Nanos now) = 0;
  /// It could not be made, or has ended. `why` is for people and holds no secrets.
  virtual void OnLost(std::string_view why, Nanos now) = 0;
  /// It cannot be made, since there is no password.
  virtual void OnRefused(std::string_view why, Nanos now) = 0;
  virtual void OnBytes(std::string_view bytes, Nanos now) = 0;
  /// The first `count` bytes of Output() were handed to the system.
  virtual void OnWritten(std::size_t count) = 0;
  /// Call when NextTime() has come, after the bytes that are there have been handed in.
  virtual void OnTime(Nanos now) = 0;

  // ---- Out.

  /// 0: no connection is wanted. Else the number of the attempt: when it changes, the connection or
  /// attempt that there was is to be dropped, without OnLost.
  virtual std::uint64_t WantedConnection() const = 0;
  /// Bytes to write to the connection, once connected.
  virtual std::string_view Output() const = 0;
  /// When OnTime has to be called; kNever if it need not.
  virtual Nanos NextTime() const = 0;
};

}  // namespace sluice::redis
