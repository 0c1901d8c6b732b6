// Carries bytes and events between a protocol and the network.
#include "connection.h"

#include <chrono>
#include <optional>
#include <string>
#include <utility>

namespace sluice::redis {
namespace {

// A password function may take longer than a connection attempt; a later attempt then uses its
// answer. After this time it is called again, because an answer may have been lost.
constexpr Nanos kPatience = std::chrono::seconds(10);

Nanos Now() { return std::chrono::steady_clock::now().time_since_epoch(); }

}  // namespace

Connection::Connection(std::shared_ptr<Protocol> protocol, PendingLookups pending,
                       std::shared_ptr<const Wakeup> wakeup, Resolver& resolver)
    : protocol_(std::move(protocol)),
      endpoint_(protocol_->endpoint()),
      wakeup_(std::move(wakeup)),
      resolver_(resolver),
      channel_(endpoint_.tls, endpoint_.host),
      pending_(std::move(pending)) {}

void Connection::Follow() {
  if (IsOutOfDate()) {
    channel_.Close();
    attempt_ = protocol_->WantedConnection();
    dialled_ = greeted_ = more_ = false;
  }
  if (attempt_ == 0) return;
  if (!dialled_) return Dial();
  if (!greeted_ && channel_.state() == Channel::State::kConnected) Greet();
}

void Connection::Dial() {
  std::vector<Address> addresses;
  if (endpoint_.path.empty()) {
    std::shared_ptr<Lookup>& pending = pending_.lookup;
    if (!pending) pending = resolver_.Start(endpoint_.host);
    if (!pending->Done()) {
      return protocol_->OnStage("the host's name has not been resolved");  // rings when it is
    }
    const auto lookup = std::exchange(pending, nullptr);
    addresses = lookup->result().addresses;
    if (addresses.empty()) {
      dialled_ = true;
      return protocol_->OnLost(lookup->result().error, Now());
    }
    for (Address& address : addresses) address.SetPort(endpoint_.port);
  } else {
    addresses.push_back(UnixAddress(endpoint_.path));
  }
  dialled_ = true;
  channel_.Connect(std::move(addresses), attempt_);
  NoteProgress();
}

void Connection::NoteProgress() {
  switch (channel_.state()) {
    case Channel::State::kClosed:
      return NoteLost();
    case Channel::State::kConnecting:
      return protocol_->OnStage(channel_.stage());
    case Channel::State::kConnected:
      return Greet();
  }
}

// Asks for a password only when a server has accepted the connection: not once more for each
// attempt while the server is away.
void Connection::Greet() {
  if (endpoint_.password_source) {
    auto& [lookup, request, asked] = pending_;
    if (request && !request->answer() && Now() - asked > kPatience) request.reset();
    if (!request) {
      request = std::make_shared<PasswordRequest>([wakeup = wakeup_] { wakeup->Ring(); });
      asked = Now();
      endpoint_.password_source->Ask(request);
    }
    std::optional<PasswordRequest::Answer> answer = request->answer();
    if (!answer) return protocol_->OnStage("the password function has not answered");
    request.reset();
    if (answer->password.empty()) {
      channel_.Close();
      return protocol_->OnRefused("no password: " + answer->why, Now());
    }
    protocol_->SetPassword(std::move(answer->password));
  }
  greeted_ = true;
  protocol_->OnConnected(Now());
}

void Connection::NoteLost() {
  protocol_->OnLost(endpoint_.Address() + ": " + channel_.error(), Now());
}

// Whether the protocol and the server can exchange bytes.
bool Connection::Ready() const {
  return greeted_ && channel_.state() == Channel::State::kConnected && !IsOutOfDate();
}

void Connection::Write() {
  while (Ready() && !protocol_->Output().empty()) {
    const std::size_t written = channel_.Write(protocol_->Output());
    protocol_->OnWritten(written);
    if (channel_.state() == Channel::State::kClosed) return NoteLost();
    if (written == 0) return;
  }
}

pollfd Connection::Polled() const {
  // Reads nothing from the server until the password has come.
  const bool waits = channel_.state() == Channel::State::kConnected && !greeted_;
  const short events = channel_.Events(Ready() && !protocol_->Output().empty());
  return {waits ? -1 : channel_.fd(), events, 0};
}

std::size_t Connection::OnPolled(short revents, std::span<char> buffer) {
  if (IsOutOfDate() || !(more_ || channel_.Ready(revents))) return 0;
  if (channel_.state() == Channel::State::kConnecting) {
    channel_.GoOn();
    NoteProgress();
  }
  return Read(buffer);
}

// Reads once: a server that never stops sending must not keep the thread from its timers.
std::size_t Connection::Read(std::span<char> buffer) {
  more_ = false;
  if (!Ready()) return 0;
  const std::string_view bytes = channel_.Read(buffer);
  more_ = bytes.size() == buffer.size();
  if (!bytes.empty()) protocol_->OnBytes(bytes, Now());
  // Its last reply may have ended the connection already.
  if (channel_.state() == Channel::State::kClosed && !IsOutOfDate()) NoteLost();
  return bytes.size();
}

}  // namespace sluice::redis
