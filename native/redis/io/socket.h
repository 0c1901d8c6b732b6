// A non-blocking connection, TCP or of a unix socket, to the first of several addresses that
// answers.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fd.h"
#include "resolver.h"

namespace sluice::redis {

/// Not thread safe.
class Socket {
 public:
  enum class State : unsigned char { kClosed, kConnecting, kConnected };

  /// Tries the addresses in turn, beginning with number `first` modulo their count: who is given
  /// less time than an unreachable address takes begins elsewhere next time.
  void Connect(std::vector<Address> addresses, std::size_t first);
  void Close();

  State state() const { return state_; }
  /// Why it is closed, if nobody called Close.
  const std::string& error() const { return error_; }

  /// For poll(); -1 when closed.
  int fd() const { return fd_.get(); }
  /// Call when poll() says that a connecting socket is writable or in error.
  void FinishConnecting();

  /// Hands over what the system takes now; may close. To a server that has hung up nothing goes
  /// out, and Read finds what it said last.
  std::size_t Write(std::string_view bytes);
  /// Takes what is there now; may close. The bytes are part of `buffer`.
  std::string_view Read(std::span<char> buffer);

 private:
  void TryNext();
  void Fail(std::string_view what, int error);

  State state_ = State::kClosed;
  Fd fd_;
  std::vector<Address> addresses_;
  std::size_t at_ = 0;
  std::size_t left_ = 0;
  bool hung_up_ = false;  // Write has met it
  std::string error_;
};

}  // namespace sluice::redis
