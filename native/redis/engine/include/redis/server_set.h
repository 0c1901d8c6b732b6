// The Redis servers that hold the state together, and their credentials.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "redis/endpoint.h"

namespace sluice::redis {

/// Two equal sets share one client.
struct ServerSet {
  enum class Mode : std::uint8_t {
    kSingle,    ///< one server
    kCluster,   ///< a Redis Cluster, found through any of its nodes
    kSentinel,  ///< the master that sentinels name
  };

  /// One server.
  static ServerSet Single(Endpoint server);
  /// `seeds`: the first nodes to ask; not empty. All nodes share `node`'s credentials and TLS
  /// options (its host, port and path are unused), and its database is 0.
  static ServerSet Cluster(std::vector<Endpoint> seeds, Endpoint node);
  /// `sentinels`: with their own credentials; not empty. `node`: as above, for the master.
  static ServerSet Sentinel(std::vector<Endpoint> sentinels, std::string master, Endpoint node);

  Mode mode = Mode::kSingle;
  std::vector<Endpoint> servers;  ///< sorted and distinct: their order does not matter
  Endpoint node;                  ///< kCluster, kSentinel
  std::string master;             ///< kSentinel: the sentinels' name for it

  std::strong_ordering operator<=>(const ServerSet& other) const;
  bool operator==(const ServerSet& other) const { return (*this <=> other) == 0; }
};

}  // namespace sluice::redis
