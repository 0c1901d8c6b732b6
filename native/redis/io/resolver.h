// Host names to addresses, without making anyone wait.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "wakeup.h"

namespace sluice::redis {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;

  /// Does nothing for a unix socket.
  void SetPort(std::uint16_t port);
};

/// Of a unix socket. Precondition: the path is not empty, and no longer than the system takes.
Address UnixAddress(const std::string& path);

/// The addresses of one host, without a port. Thread safe.
class Lookup {
 public:
  struct Result {
    std::vector<Address> addresses;
    std::string error;  ///< why there are none
  };

  bool Done() const;
  /// Precondition: Done().
  const Result& result() const { return result_; }

 private:
  friend class Resolver;
  void Finish(Result result);

  mutable std::mutex mutex_;
  bool done_ = false;
  Result result_;  // written before done_, never after
};

/// Looks names up on threads of its own: getaddrinfo has no time limit and cannot be stopped. No
/// more than kMostThreads at a time, however many names there are; a name that several wait for is
/// looked up once, and one that nobody waits for any more not at all. Its threads are never waited
/// for: they end when no name is left, and keep what they need alive by themselves. Thread safe.
class Resolver {
 public:
  static constexpr std::size_t kMostThreads = 4;
  static constexpr std::size_t kMostNames = 4096;  ///< that wait for a thread

  /// Finds a name's addresses; may take as long as it likes.
  using Find = std::function<Lookup::Result(const std::string& host)>;

  /// Rings `done` for each result. `find`: getaddrinfo, unless a test has another.
  explicit Resolver(std::shared_ptr<const Wakeup> done, Find find = FindByName);
  /// Drops the names that wait for a thread.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// Addresses written as numbers need no thread and are there at once. Too many names, or a system
  /// without a thread to spare, are a result too.
  std::shared_ptr<Lookup> Start(const std::string& host);

 private:
  struct Shared;

  static Lookup::Result FindByName(const std::string& host);
  static void Work(const std::shared_ptr<Shared>& shared);

  const std::shared_ptr<Shared> shared_;
};

}  // namespace sluice::redis
