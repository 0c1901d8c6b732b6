// A non-blocking connection, TCP or unix socket, to the first address that answers.
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

  /// Tries the addresses in turn, from number `first` modulo their count: after an unreachable
  /// address took all the time, the next attempt begins elsewhere.
  void Connect(std::vector<Address> addresses, std::size_t first);
  void Close();

  State state() const { return state_; }
  /// The reason why it is closed, if not by Close.
  const std::string& error() const { return error_; }

  /// For poll(); -1 when closed.
  int fd() const { return fd_.get(); }
  /// Call when poll() says that a connecting socket is writable or in error.
  void FinishConnecting();

  /// Passes on as many bytes as the system takes now; may close. If the server has hung up, sends
  /// nothing, and Read returns its last bytes.
  std::size_t Write(std::string_view bytes);
  /// Reads the available bytes; may close. The result is part of `buffer`.
  std::string_view Read(std::span<char> buffer);

 private:
  void TryNext();
  void Fail(std::string_view what, int error);

  State state_ = State::kClosed;
  Fd fd_;
  std::vector<Address> addresses_;
  std::size_t at_ = 0;
  std::size_t left_ = 0;
  bool hung_up_ = false;  // found by Write
  std::string error_;
};

}  // namespace sluice::redis
