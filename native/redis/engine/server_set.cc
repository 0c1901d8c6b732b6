// Normal forms of server sets.
#include "redis/server_set.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace sluice::redis {
namespace {

std::vector<Endpoint> Sorted(std::vector<Endpoint> servers) {
  std::ranges::sort(servers);
  servers.erase(std::unique(servers.begin(), servers.end()), servers.end());
  return servers;
}

// The endpoint of nodes whose addresses other servers name.
Endpoint Template(Endpoint node) {
  node.host.clear();
  node.path.clear();
  node.port = 0;
  return node;
}

}  // namespace

ServerSet ServerSet::Single(Endpoint server) {
  return {.mode = Mode::kSingle, .servers = {std::move(server)}, .node = {}, .master = {}};
}

ServerSet ServerSet::Cluster(std::vector<Endpoint> seeds, Endpoint node) {
  return {.mode = Mode::kCluster,
          .servers = Sorted(std::move(seeds)),
          .node = Template(std::move(node)),
          .master = {}};
}

ServerSet ServerSet::Sentinel(std::vector<Endpoint> sentinels, std::string master, Endpoint node) {
  return {.mode = Mode::kSentinel,
          .servers = Sorted(std::move(sentinels)),
          .node = Template(std::move(node)),
          .master = std::move(master)};
}

std::strong_ordering ServerSet::operator<=>(const ServerSet& other) const {
  return std::tie(mode, servers, node, master) <=>
         std::tie(other.mode, other.servers, other.node, other.master);
}

}  // namespace sluice::redis
