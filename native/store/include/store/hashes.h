// The names of keys and states in a memory store.
#pragma once

#include <cstdint>

namespace sluice {

/// A keyed 64-bit hash of a key. Without the store's seed nobody can find two keys that collide.
struct KeyHash {
  std::uint64_t bits = 0;
};

/// Names one state: a key under one policy.
struct EntryHash {
  std::uint64_t bits = 0;
};

/// The state that a key has under a policy. `scope` names the policy: a hash of prefix, policy name
/// and state tag, so that limiters which agree on these share the state. It must not be the hash of
/// a text that may also be a key.
constexpr EntryHash EntryOf(KeyHash key, KeyHash scope) { return {key.bits ^ scope.bits}; }

}  // namespace sluice
