// Names and equality of endpoints.
#include "redis/endpoint.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <tuple>

namespace sluice::redis {
namespace {

auto IdentityOf(const Endpoint& endpoint) {
  return std::tuple_cat(std::tie(endpoint.host, endpoint.port, endpoint.path, endpoint.user,
                                 endpoint.password, endpoint.password_source, endpoint.database),
                        std::tuple(endpoint.tls ? endpoint.tls->identity() : std::string_view()));
}

}  // namespace

std::strong_ordering Endpoint::operator<=>(const Endpoint& other) const {
  return IdentityOf(*this) <=> IdentityOf(other);
}

std::string Endpoint::Address() const {
  if (!path.empty()) return "unix:" + path;
  const bool brackets = host.find(':') != std::string::npos;
  return (brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool IsHost(std::string_view host) {
  constexpr std::size_t kLongest = 253;
  return !host.empty() && host.size() <= kLongest && std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._:%").find(c) != std::string_view::npos;
  });
}

}  // namespace sluice::redis
