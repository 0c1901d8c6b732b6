// One reply of any shape, within bounds: what servers say of themselves and of each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct redisReader;

namespace sluice::redis {

struct ReplyTree {
  enum class Kind : std::uint8_t { kStatus, kError, kInteger, kText, kArray, kNil };
  Kind kind = Kind::kNil;
  std::string text;          ///< kStatus, kError, kText
  std::int64_t integer = 0;  ///< kInteger
  std::vector<ReplyTree> items;

  bool IsArray(std::size_t least) const { return kind == Kind::kArray && items.size() >= least; }
};

/// Reads RESP2. The slots of a cluster may be a long reply, so these bounds are wider than those of
/// ReplyReader, but there are some. Not thread safe.
class ReplyTreeReader {
 public:
  enum class Next : std::uint8_t { kReply, kMore, kBroken };

  static constexpr std::size_t kLongestReply = std::size_t{4} << 20;  ///< bytes
  static constexpr long long kMostElements = 65536;                   ///< of one array
  static constexpr std::size_t kMostNodes = 400'000;                  ///< of one reply
  static constexpr unsigned kDeepest = 6;  ///< arrays inside of each other

  ReplyTreeReader();
  ~ReplyTreeReader();

  /// False when out of bounds or memory; the stream is then of no more use.
  bool Feed(std::string_view bytes);
  /// Takes the next finished reply. kBroken: this is not RESP2, or it is out of bounds.
  Next Take(ReplyTree& reply);

 private:
  class Builder;
  struct Free {
    void operator()(redisReader* reader) const;
  };
  std::unique_ptr<Builder> builder_;
  std::unique_ptr<redisReader, Free> reader_;  // refers to builder_
};

}  // namespace sluice::redis
