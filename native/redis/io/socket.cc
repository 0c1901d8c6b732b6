// The system calls of one connection.
#include "socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace sluice::redis {
namespace {

void SetOption(int fd, int level, int name, int value) {
  // An option that cannot be set costs speed, not correctness.
  setsockopt(fd, level, name, &value, sizeof value);
}

// Sends small writes at once, and notices a vanished peer while idle.
void Tune(int fd) {
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, 30);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

bool IsTransient(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

void Socket::Connect(std::vector<Address> addresses, std::size_t first) {
  Close();
  addresses_ = std::move(addresses);
  left_ = addresses_.size();
  at_ = addresses_.empty() ? 0 : first % addresses_.size();
  error_ = "the host has no address";
  TryNext();
}

void Socket::Close() {
  fd_ = Fd();
  state_ = State::kClosed;
  addresses_.clear();
  left_ = 0;
}

void Socket::TryNext() {
  state_ = State::kClosed;
  fd_ = Fd();
  hung_up_ = false;
  while (left_ > 0) {
    const Address& address = addresses_[at_];
    at_ = (at_ + 1) % addresses_.size();
    --left_;
    fd_ = Fd(socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd_) {
      Fail("cannot make a socket", errno);
      continue;
    }
    if (address.storage.ss_family != AF_UNIX) Tune(fd_.get());
    const auto* generic = reinterpret_cast<const sockaddr*>(&address.storage);
    if (connect(fd_.get(), generic, address.length) == 0) {
      state_ = State::kConnected;
      return;
    }
    if (errno == EINPROGRESS || errno == EINTR) {
      state_ = State::kConnecting;
      return;
    }
    Fail("cannot connect", errno);
  }
}

void Socket::FinishConnecting() {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error == 0) {
    state_ = State::kConnected;
    return;
  }
  Fail("cannot connect", error);
  TryNext();
}

std::size_t Socket::Write(std::string_view bytes) {
  const ssize_t count = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (count >= 0) return static_cast<std::size_t>(count);
  const bool hang_up = errno == EPIPE || errno == ECONNRESET;
  if (!IsTransient(errno) && (!hang_up || std::exchange(hung_up_, true))) {
    Fail("the connection was lost", errno);
  }
  return 0;
}

std::string_view Socket::Read(std::span<char> buffer) {
  const ssize_t count = recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (count > 0) return {buffer.data(), static_cast<std::size_t>(count)};
  if (count == 0) {
    Close();
    error_ = "the server closed the connection";
  } else if (!IsTransient(errno)) {
    Fail("the connection was lost", errno);
  }
  return {};
}

void Socket::Fail(std::string_view what, int error) {
  error_ = std::string(what) + ": " + std::generic_category().message(error);
  fd_ = Fd();
  state_ = State::kClosed;
}

}  // namespace sluice::redis
