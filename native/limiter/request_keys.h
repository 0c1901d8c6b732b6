// The keys of a request, as the limiter's own tables name them.
#pragma once

#include <string>
#include <string_view>

#include "redis/request.h"

namespace sluice {

/// Calls `visit` with each key of the request, without the shard.
template <typename Visit>
void VisitKeys(const redis::Request& request, Visit visit) {
  if (request.keys == nullptr || request.keys->each.empty()) return visit(request.key.view());
  for (const redis::EscapedKey& key : request.keys->each) visit(key.view());
}

/// One text for all keys of the request and their shard: distinct ones for distinct keys, of
/// bounded length. The result is a part of the request or of `buffer`.
inline std::string_view NameOfKeys(const redis::Request& request, std::string& buffer) {
  if (request.keys == nullptr) return request.key.view();
  // No escaped key contains a brace.
  buffer.clear();
  if (request.keys->shard) buffer.append(request.keys->shard->view());
  VisitKeys(request, [&buffer](std::string_view key) { buffer.append("}").append(key); });
  return buffer;
}

}  // namespace sluice
