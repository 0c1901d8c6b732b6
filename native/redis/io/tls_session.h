// One TLS session over a socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "redis/tls.h"
#include "socket.h"

struct ssl_st;

namespace sluice::redis {

/// Not thread safe. Nothing else reads or writes the socket.
class TlsSession {
 public:
  /// The result of a step. After a "want", repeat the step with the same bytes when the socket can
  /// be read or written. kFailed: the session is over.
  enum class Step : std::uint8_t { kDone, kWantsRead, kWantsWrite, kFailed };

  /// `host`: a name or an address, for the certificate unless Tls names another one.
  /// The socket must be connected, and outlive this.
  TlsSession(std::shared_ptr<const Tls> tls, const std::string& host, Socket& socket);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  /// Call it before all others.
  Step Handshake();
  /// kDone: `count` bytes, at least one, were passed to the system. The server cannot read the
  /// others: it reads a record completely or not at all.
  Step Write(std::string_view bytes, std::size_t& count);
  /// kDone: `count` bytes, at least one, are in `buffer`.
  Step Read(std::span<char> buffer, std::size_t& count);

  /// The reason of the failure: for people, without secrets.
  const std::string& error() const { return error_; }

 private:
  struct Free {
    void operator()(ssl_st* session) const;
  };

  Step Result(int returned);
  std::string WhyItFailed(int kind) const;
  std::string WhyRefused(long verdict) const;

  const std::shared_ptr<const Tls> tls_;
  const std::string name_;  // the required name of the certificate
  Socket& socket_;
  std::unique_ptr<ssl_st, Free> session_;  // null: it failed before it began
  std::string error_;
};

}  // namespace sluice::redis
