// Host names to addresses, without making anyone wait.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "wakeup.h"

namespace sluice::redis {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

/// Of a unix socket. Precondition: the path is not empty, and no longer than the system takes.
Address UnixAddress(const std::string& path);

/// One look-up, on a thread of its own: getaddrinfo has no time limit and cannot be stopped. The
/// thread is never waited for; it keeps what it needs alive by itself. Thread safe.
class Lookup {
 public:
  struct Result {
    std::vector<Address> addresses;
    std::string error;  ///< why there are none
  };

  /// Rings `done` when there is a result. Addresses written as numbers need no thread and are there
  /// at once. A system without a thread to spare is a result too.
  static std::shared_ptr<Lookup> Start(const std::string& host, std::uint16_t port,
                                       std::shared_ptr<const Wakeup> done);

  bool Done() const;
  /// Precondition: Done().
  const Result& result() const { return result_; }

 private:
  void Finish(Result result);

  mutable std::mutex mutex_;
  bool done_ = false;
  Result result_;  // written before done_, never after
};

}  // namespace sluice::redis
