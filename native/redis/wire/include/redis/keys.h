// The names of states in Redis.
//
//   <prefix>:{<key>}:<policy>:<state tag>          sluice:{user:42}:burst:tb1
//
// The braces are Redis Cluster's hash tag: the server hashes the text between the first '{' and the
// first '}' after it, so all policies of one key share a slot. (The text must not be empty: for
// "{}" the server hashes the whole name.)
//
// If several keys must share a slot, their common part is between the braces:
//
//   <prefix>:{<shard>}:<policy>:<key>:<state tag>  sluice:{tenant:7}:burst:user:42:tb1
//
// The charge under an id (redis/request.h) is kept for a minute under
//
//   <prefix>:{<key or shard>}:id1:<hash>           sluice:{user:42}:id1:0123456789abcdef...
//
// with 32 hexadecimal digits of SHA-256, which no state tag equals.
//
// Limiters publish their policies (redis/metadata.h) under
//
//   <prefix>:meta:<hash>                           sluice:meta:0123456789abcdef...
//
// with as many digits of the text's hash,
//
// and a policy's numbers, for comparison, under
//
//   <prefix>:policy:<policy>                       sluice:policy:burst
//
// Some algorithms keep a collection beside the state, named like the state with ":l" (a list) or
// ":z" (a sorted set).
//
// Prefix and key come from users and clients and may be any bytes. They are escaped so that
// distinct keys have distinct names, and none can move the hash tag or imitate another's name:
//   * the bytes A-Z a-z 0-9 and - _ . ~ : @ / + = , ; | are not escaped,
//   * every other byte is %XX (two upper-case hexadecimal digits),
//   * the empty key is "%-",
//   * a key whose escaped form is longer than 128 bytes is "%h" and the first 128 bits of its
//     SHA-256 in hexadecimal.
// Neither '-' nor 'h' is a hexadecimal digit, so no escaped key equals these two. The form is part
// of the stored format: processes of different versions must agree on it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace sluice::redis {

/// The longest escaped key that is not replaced by its hash.
inline constexpr std::size_t kLongestKey = 128;

/// Appends the form of `key` for the braces; at most kLongestKey bytes.
void AppendEscapedKey(std::string_view key, std::string& out);

/// A key in that form. The maker of a request escapes the key: waiting requests are then short, and
/// a long key is hashed once, on the caller's thread. Most keys are stored in place, because memory
/// that one thread allocates and another frees is slow.
class EscapedKey {
 public:
  /// The empty key.
  EscapedKey() = default;
  explicit EscapedKey(std::string_view key);

  std::string_view view() const {
    return longer_ ? std::string_view(*longer_) : std::string_view(in_place_.data(), size_);
  }

 private:
  static constexpr std::size_t kInPlace = 47;  // a UUID with a prefix

  std::array<char, kInPlace> in_place_{'%', '-'};
  std::uint8_t size_ = 2;
  std::shared_ptr<const std::string> longer_;  // if it does not fit there
};

/// Appends the first 128 bits of the text's SHA-256 as 32 hexadecimal digits.
void AppendDigest(std::string_view text, std::string& out);

/// Appends the name of a limiter's metadata under that prefix.
void AppendMetaName(std::string_view prefix, std::string_view text, std::string& out);

/// Appends the name of a policy's numbers.
void AppendPolicyName(std::string_view prefix, std::string_view policy, std::string& out);

/// As AppendEscapedKey for a prefix, which is never shortened and may be empty.
void AppendEscapedPrefix(std::string_view prefix, std::string& out);

}  // namespace sluice::redis
