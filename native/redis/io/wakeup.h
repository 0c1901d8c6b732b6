// An eventfd: lets any thread end another's poll().
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

#include "fd.h"

namespace sluice::redis {

/// Thread safe.
class Wakeup {
 public:
  /// Throws std::system_error if there is no file descriptor left.
  Wakeup() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!fd_) throw std::system_error(errno, std::generic_category(), "eventfd");
  }

  void Ring() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(fd_.get(), &one, sizeof one);
  }
  void Clear() const {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t taken = read(fd_.get(), &count, sizeof count);
  }
  /// Readable from Ring until Clear.
  int fd() const { return fd_.get(); }

 private:
  Fd fd_;
};

}  // namespace sluice::redis
