// One TLS conversation over a socket.
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

/// Not thread safe. Reads and writes the socket and nothing else does.
class TlsSession {
 public:
  /// What came of a step. Of the wants, the step is to be made again, with the same bytes, when the
  /// socket can be read or written. kFailed: this is over.
  enum class Step : std::uint8_t { kDone, kWantsRead, kWantsWrite, kFailed };

  /// `host`: a name or an address; what Tls does not say otherwise is asked of it.
  /// The socket must be connected, and outlive this.
  TlsSession(std::shared_ptr<const Tls> tls, const std::string& host, Socket& socket);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  /// To be done before all else.
  Step Handshake();
  /// kDone: `count` bytes, at least one, have been handed to the system. What has not been counted
  /// cannot be read by the server: a record is understood as a whole or not at all.
  Step Write(std::string_view bytes, std::size_t& count);
  /// kDone: `count` bytes, at least one, stand in `buffer`.
  Step Read(std::span<char> buffer, std::size_t& count);

  /// Why it failed: for people, without secrets.
  const std::string& error() const { return error_; }

 private:
  struct Free {
    void operator()(ssl_st* session) const;
  };

  Step Result(int returned);
  std::string WhyItFailed(int kind) const;
  std::string WhyRefused(long verdict) const;

  const std::shared_ptr<const Tls> tls_;
  const std::string name_;  // the one that the certificate must have
  Socket& socket_;
  std::unique_ptr<ssl_st, Free> session_;  // null: it failed before it began
  std::string error_;
};

}  // namespace sluice::redis
