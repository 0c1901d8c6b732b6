// Resolves host names without blocking the caller.
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

/// The address of a unix socket. Precondition: the path is not empty, and not too long for the
/// system.
Address UnixAddress(const std::string& path);

/// The addresses of one host, without a port. Thread safe.
class Lookup {
 public:
  struct Result {
    std::vector<Address> addresses;
    std::string error;  ///< why there are no addresses
  };

  bool Done() const;
  /// Precondition: Done().
  const Result& result() const { return result_; }

 private:
  friend class Resolver;
  void Finish(Result result);

  mutable std::mutex mutex_;
  bool done_ = false;
  Result result_;  // written before done_, constant afterwards
};

/// Looks names up on its own threads, because getaddrinfo has no time limit and cannot be stopped.
/// At most kMostThreads run at a time. A name that several wait for is looked up once, and an
/// abandoned one not at all. Nothing waits for the threads: they end when no name is left, and keep
/// their data alive by themselves. Thread safe.
class Resolver {
 public:
  static constexpr std::size_t kMostThreads = 4;
  static constexpr std::size_t kMostNames = 4096;  ///< names that wait for a thread

  /// Finds a name's addresses; may take any time.
  using Find = std::function<Lookup::Result(const std::string& host)>;

  /// Rings `done` for each result. `find`: getaddrinfo, unless a test replaces it.
  explicit Resolver(std::shared_ptr<const Wakeup> done, Find find = FindByName);
  /// Drops the names that wait for a thread.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// Numeric addresses need no thread and are done at once. Too many names, or a system without a
  /// free thread, give a result too.
  std::shared_ptr<Lookup> Start(const std::string& host);

 private:
  struct Shared;

  static Lookup::Result FindByName(const std::string& host);
  static void Work(const std::shared_ptr<Shared>& shared);

  const std::shared_ptr<Shared> shared_;
};

}  // namespace sluice::redis
