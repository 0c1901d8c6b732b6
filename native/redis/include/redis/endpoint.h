// Where a Redis server is and how to be let in.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::redis {

/// Two equal endpoints share one connection.
struct Endpoint {
  std::string host;  ///< a name, an IPv4 address, or an IPv6 address without brackets
  std::uint16_t port = 6379;
  std::string user;      ///< empty: the default user
  std::string password;  ///< empty, with an empty user: no AUTH is sent
  std::int32_t database = 0;

  auto operator<=>(const Endpoint&) const = default;

  /// "host:port", IPv6 in brackets. Without credentials: fit for errors and logs.
  std::string Address() const;
};

/// Which part of a URL was refused, and why. Quotes nothing of the URL: a misplaced character can
/// put a piece of a password into any part.
struct UrlFault {
  enum class Part : std::uint8_t {
    kNone,
    kScheme,
    kUser,
    kPassword,
    kHost,
    kPort,
    kDatabase,
    kQuery
  };
  Part part = Part::kNone;
  std::string reason;  ///< "the port must be a whole number from 1 to 65535"
};

/// Reads redis://[[user]:password@]host[:port][/database]. User and password are percent-decoded;
/// an IPv6 address stands in brackets; the port is 6379 and the database 0 if not given.
/// Returns false and says why in `fault`; `endpoint` is then unchanged.
bool ParseUrl(std::string_view url, Endpoint& endpoint, UrlFault& fault);

}  // namespace sluice::redis
