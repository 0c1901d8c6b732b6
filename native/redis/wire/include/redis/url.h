// URLs of Redis servers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "redis/endpoint.h"

namespace sluice::redis {

/// The parts of a URL.
struct Url {
  Endpoint endpoint;  ///< `tls` is left null
  bool tls = false;   ///< rediss://
  bool port_given = false;
};

/// The refused part of a URL, and the reason. Quotes nothing of the URL: a misplaced character can
/// put a piece of a password into any part.
struct UrlFault {
  enum class Part : std::uint8_t {
    kNone,
    kScheme,
    kUser,
    kPassword,
    kHost,
    kPort,
    kPath,
    kDatabase,
    kQuery
  };
  Part part = Part::kNone;
  std::string reason;  ///< "the port must be a whole number from 1 to 65535"
};

/// Reads
///   redis://[[user]:password@]host[:port][/database][?query]
///   rediss://, the same with TLS
///   redis+unix://[[user]:password@]/path[?query]
/// valkey:// and valkeys:// are the first two. The case of a scheme is ignored. The query may hold
/// db=database and family=0 (any address family, which is the default).
/// User, password and path are percent-decoded; an IPv6 address is in brackets; the default port is
/// 6379 and the default database 0. On failure returns false with the reason in `fault`, and leaves
/// `url` unchanged.
bool ParseUrl(std::string_view text, Url& url, UrlFault& fault);

}  // namespace sluice::redis
