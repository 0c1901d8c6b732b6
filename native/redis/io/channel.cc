// A socket, with TLS over it if wanted.
#include "channel.h"

#include <poll.h>

#include <utility>

namespace sluice::redis {

using Step = TlsSession::Step;

void Channel::Connect(std::vector<Address> addresses, std::size_t first) {
  Close();
  socket_.Connect(std::move(addresses), first);
  Shake();
}

void Channel::Close() {
  session_.reset();
  socket_.Close();
  shaking_ = session_failed_ = reading_wants_write_ = writing_wants_read_ = false;
}

Channel::State Channel::state() const {
  switch (socket_.state()) {
    case Socket::State::kClosed:
      return State::kClosed;
    case Socket::State::kConnecting:
      return State::kConnecting;
    case Socket::State::kConnected:
      break;
  }
  return shaking_ ? State::kConnecting : State::kConnected;
}

std::string_view Channel::stage() const {
  return shaking_ ? "the server did not finish the TLS handshake (does it speak TLS at this port?)"
                  : "the server did not accept";
}

short Channel::Events(bool output) const {
  if (socket_.state() == Socket::State::kConnecting) return POLLOUT;
  if (shaking_) return reading_wants_write_ ? POLLOUT : POLLIN;
  const bool write = (output && !writing_wants_read_) || reading_wants_write_;
  return write ? POLLIN | POLLOUT : POLLIN;
}

bool Channel::Ready(short revents) const {
  const bool writable_is_enough =
      socket_.state() == Socket::State::kConnecting || reading_wants_write_;
  return writable_is_enough ? revents != 0 : (revents & ~POLLOUT) != 0;
}

void Channel::GoOn() {
  if (socket_.state() == Socket::State::kConnecting) socket_.FinishConnecting();
  Shake();
}

// Starts the handshake once the socket is connected.
void Channel::Shake() {
  if (!tls_ || socket_.state() != Socket::State::kConnected) return;
  if (!session_) {
    session_.emplace(tls_, host_, socket_);
    shaking_ = true;
  }
  const Step step = session_->Handshake();
  reading_wants_write_ = step == Step::kWantsWrite;
  if (Survives(step) && step == Step::kDone) shaking_ = false;
}

bool Channel::Survives(Step step) {
  if (step != Step::kFailed) return true;
  std::string why = session_->error();
  Close();
  session_failed_ = true;
  session_error_ = std::move(why);
  return false;
}

std::size_t Channel::Write(std::string_view bytes) {
  if (!session_) return socket_.Write(bytes);
  std::size_t count = 0;
  const Step step = session_->Write(bytes, count);
  writing_wants_read_ = step == Step::kWantsRead;
  return Survives(step) && step == Step::kDone ? count : 0;
}

std::string_view Channel::Read(std::span<char> buffer) {
  return session_ ? ReadSession(buffer) : socket_.Read(buffer);
}

// Reads one record after the other: poll() does not know what the session took from the socket.
std::string_view Channel::ReadSession(std::span<char> buffer) {
  std::size_t total = 0;
  while (total < buffer.size()) {
    std::size_t count = 0;
    const Step step = session_->Read(buffer.subspan(total), count);
    reading_wants_write_ = step == Step::kWantsWrite;
    if (!Survives(step) || step != Step::kDone) break;
    total += count;
  }
  writing_wants_read_ = false;
  return {buffer.data(), total};
}

}  // namespace sluice::redis
