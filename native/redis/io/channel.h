// A non-blocking connection: TCP or a unix socket, with TLS or without.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "redis/tls.h"
#include "resolver.h"
#include "socket.h"
#include "tls_session.h"

namespace sluice::redis {

/// Not thread safe.
class Channel {
 public:
  /// kConnecting: the TLS handshake included.
  enum class State : unsigned char { kClosed, kConnecting, kConnected };

  /// `tls`: null for none; `host`: whom its certificate is asked for.
  Channel(std::shared_ptr<const Tls> tls, std::string host)
      : tls_(std::move(tls)), host_(std::move(host)) {}

  /// As Socket::Connect. A handshake that fails ends the attempt: another address of the same name
  /// has the same certificate.
  void Connect(std::vector<Address> addresses, std::size_t first);
  void Close();

  State state() const;
  /// Why it is closed, if nobody called Close.
  const std::string& error() const { return session_failed_ ? session_error_ : socket_.error(); }
  /// What connecting waits for: for people.
  std::string_view stage() const;

  /// For poll(); -1 when closed.
  int fd() const { return socket_.fd(); }
  /// What poll() is to wait for. `output`: there is something to be written.
  short Events(bool output) const;
  /// Whether what poll() answered calls for GoOn, or for Read.
  bool Ready(short revents) const;
  /// Goes on connecting.
  void GoOn();

  /// Hands over what the system takes now; may close. What was not taken has to come again, first,
  /// at the next call.
  std::size_t Write(std::string_view bytes);
  /// Takes what is there now, all of it if it is less than `buffer` holds; may close.
  std::string_view Read(std::span<char> buffer);

 private:
  void Shake();
  /// False when that was the end of it.
  bool Survives(TlsSession::Step step);
  std::string_view ReadSession(std::span<char> buffer);

  const std::shared_ptr<const Tls> tls_;
  const std::string host_;
  Socket socket_;
  std::optional<TlsSession> session_;  // refers to socket_
  bool shaking_ = false;               // the handshake has not ended
  bool session_failed_ = false;
  std::string session_error_;
  bool reading_wants_write_ = false;  // or the handshake does
  bool writing_wants_read_ = false;
};

}  // namespace sluice::redis
