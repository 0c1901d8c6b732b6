// A Redis server as the limiters of a process see it: questions in, answers out, no waiting.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "redis/endpoint.h"
#include "redis/request.h"

namespace sluice::redis {

class IoThread;

/// Thread safe. One connection and one I/O thread, shared by all who name the same endpoint.
///
/// The link connects when the client is made and reconnects for as long as it lives. When the last
/// owner lets go, requests still under way are answered with kClosed and the I/O thread ends; that
/// may happen on any thread, the I/O thread (a sink that owns the client) included.
class Client {
 public:
  struct Stats {
    bool connected = false;            ///< ready for checks
    std::uint64_t submitted = 0;       ///< requests
    std::uint64_t completed = 0;       ///< requests answered, faults included
    std::uint64_t timeouts = 0;        ///< of these, by their deadline
    std::uint64_t faults = 0;          ///< of these, by any other fault
    std::uint64_t batches = 0;         ///< commands sent with requests inside
    std::uint64_t largest_batch = 0;   ///< requests in the largest of them
    std::uint64_t reconnects = 0;      ///< connections made ready after the first
    std::uint64_t script_reloads = 0;  ///< times the server had forgotten the script
    std::uint64_t queue_depth = 0;     ///< requests waiting to be written
  };

  /// The process's client for this endpoint; makes one if there is none.
  /// Throws std::system_error if the system has no thread or file descriptor left.
  static std::shared_ptr<Client> Acquire(const Endpoint& endpoint);

  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Hands requests over; never waits for the network. Answers come through each one's sink.
  void Submit(std::vector<Request>&& requests);

  /// As of the I/O thread's last turn.
  Stats stats() const;

  const Endpoint& endpoint() const { return endpoint_; }

 private:
  explicit Client(const Endpoint& endpoint);

  const Endpoint endpoint_;
  std::unique_ptr<IoThread> io_;
};

}  // namespace sluice::redis
