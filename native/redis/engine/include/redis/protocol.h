// The protocol of one connection, as a state machine without a socket. The I/O thread drives it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/time.h"
#include "redis/endpoint.h"

namespace sluice::redis {

/// Input: bytes, events and the time. Output: bytes, and whether it wants a connection. Not thread
/// safe.
class Protocol {
 public:
  explicit Protocol(Endpoint endpoint)
      : endpoint_(std::move(endpoint)), password_(endpoint_.password) {}
  virtual ~Protocol() = default;
  Protocol(const Protocol&) = delete;
  Protocol& operator=(const Protocol&) = delete;

  /// From now on, adds this protocol to `driven` when it is driven, unless it is there, and
  /// now. Null: no more.
  void ReportTo(std::vector<Protocol*>* driven) {
    driven_ = driven;
    reported_ = false;
    NoteDriven();
  }
  /// `driven` was emptied.
  void ForgetReport() { reported_ = false; }

  /// The server and the credentials. Never changes.
  const Endpoint& endpoint() const { return endpoint_; }

  // ---- In. `now` never decreases.

  /// The current stage of the wanted connection, for people: shown if it takes too long.
  void OnStage(std::string_view stage) { stage_ = stage; }
  /// The password of the next connection, instead of the endpoint's.
  void SetPassword(std::string password) { password_ = std::move(password); }
  /// The wanted connection exists.
  virtual void OnConnected(Nanos now) = 0;
  /// It could not be made, or has ended. `why` is for people and contains no secrets.
  virtual void OnLost(std::string_view why, Nanos now) = 0;
  /// It cannot be made, because there is no password.
  virtual void OnRefused(std::string_view why, Nanos now) = 0;
  virtual void OnBytes(std::string_view bytes, Nanos now) = 0;
  /// The first `count` bytes of Output() were passed to the system.
  virtual void OnWritten(std::size_t count) = 0;
  /// Call when NextTime() has come, after all available bytes have been passed in.
  virtual void OnTime(Nanos now) = 0;

  // ---- Out.

  /// 0: no connection is wanted. Otherwise the number of the attempt: when it changes, drop the old
  /// connection or attempt, without OnLost.
  virtual std::uint64_t WantedConnection() const = 0;
  /// Bytes to write to the connection, once connected.
  virtual std::string_view Output() const = 0;
  /// The time for OnTime; kNever if there is none.
  virtual Nanos NextTime() const = 0;

 protected:
  /// Call when NextTime(), or anything else that its owner reads, may have changed.
  void NoteDriven() {
    if (driven_ != nullptr && !std::exchange(reported_, true)) driven_->push_back(this);
  }

  static constexpr std::string_view kTooLong = "the server's reply is too long for its command";
  static constexpr std::string_view kNoRedis =
      "the server at this port does not speak the Redis protocol";
  static constexpr std::string_view kUngreeted =
      "the server accepted the connection but did not answer";

  /// `why`, and the stage that was reached.
  std::string WithStage(const std::string& why) const {
    return stage_.empty() ? why : why + ": " + stage_;
  }

  const Endpoint endpoint_;
  std::string password_;  // of the next AUTH
  std::string stage_;     // see OnStage

 private:
  std::vector<Protocol*>* driven_ = nullptr;
  bool reported_ = false;  // is in driven_
};

}  // namespace sluice::redis
