// The address of a Redis server, with credentials.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "redis/password.h"
#include "redis/tls.h"

namespace sluice::redis {

/// Two equal endpoints share one connection.
struct Endpoint {
  std::string host;  ///< a name, an IPv4 address, or an IPv6 address without brackets
  std::uint16_t port = 6379;
  std::string path;      ///< a unix socket, instead of host and port; empty: none
  std::string user;      ///< empty: the default user
  std::string password;  ///< empty, with an empty user: no AUTH is sent
  /// Provides the password of each connection, instead of `password`. Null: none.
  std::shared_ptr<PasswordSource> password_source;
  std::int32_t database = 0;
  std::shared_ptr<const Tls> tls;  ///< null: without TLS

  /// Password sources are equal if they are the same object; TLS compares by its options.
  std::strong_ordering operator<=>(const Endpoint& other) const;
  bool operator==(const Endpoint& other) const { return (*this <=> other) == 0; }

  /// "host:port", IPv6 in brackets, or "unix:/path". Without credentials: safe for errors and logs.
  std::string Address() const;
};

/// Whether `host` is valid in an address from another server: a name or a numeric address, an IPv6
/// address without brackets and possibly with a zone. At most as long as a name (RFC 1035, section
/// 3.1).
bool IsHost(std::string_view host);

}  // namespace sluice::redis
