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
  /// kConnecting includes the TLS handshake.
  enum class State : unsigned char { kClosed, kConnecting, kConnected };

  /// `tls`: null for none. `host`: the name for the certificate.
  Channel(std::shared_ptr<const Tls> tls, std::string host)
      : tls_(std::move(tls)), host_(std::move(host)) {}

  /// As Socket::Connect. A failed handshake ends the attempt: another address of the same name has
  /// the same certificate.
  void Connect(std::vector<Address> addresses, std::size_t first);
  void Close();

  State state() const;
  /// The reason why it is closed, if not by Close.
  const std::string& error() const { return session_failed_ ? session_error_ : socket_.error(); }
  /// The stage of connecting: for people.
  std::string_view stage() const;

  /// For poll(); -1 when closed.
  int fd() const { return socket_.fd(); }
  /// The events for poll(). `output`: there are bytes to write.
  short Events(bool output) const;
  /// Whether poll()'s answer calls for GoOn, or for Read.
  bool Ready(short revents) const;
  /// Continues connecting.
  void GoOn();

  /// Passes on as many bytes as the system takes now; may close. The rest must come first in the
  /// next call.
  std::size_t Write(std::string_view bytes);
  /// Reads the available bytes, at most `buffer`; may close.
  std::string_view Read(std::span<char> buffer);

 private:
  void Shake();
  /// False if that ended the channel.
  bool Survives(TlsSession::Step step);
  std::string_view ReadSession(std::span<char> buffer);

  const std::shared_ptr<const Tls> tls_;
  const std::string host_;
  Socket socket_;
  std::optional<TlsSession> session_;  // refers to socket_
  bool shaking_ = false;               // the handshake is running
  bool session_failed_ = false;
  std::string session_error_;
  bool reading_wants_write_ = false;  // or the handshake does
  bool writing_wants_read_ = false;
};

}  // namespace sluice::redis
