// One reply of any shape, within bounds: for servers' answers about themselves and each other.
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

/// The bounds of one reply.
struct ReplyTreeBounds {
  std::size_t nodes = 4096;                 ///< of the whole tree
  std::size_t elements = 1024;              ///< of one array
  std::size_t text = std::size_t{1} << 16;  ///< bytes of all texts
};

/// Reads RESP2. Not thread safe.
class ReplyTreeReader {
 public:
  /// As ReplyReader::Next.
  enum class Next : std::uint8_t { kReply, kMore, kBroken, kTooLong };

  static constexpr std::size_t kMostUnread = std::size_t{1} << 20;   ///< bytes
  static constexpr std::size_t kLongestText = std::size_t{1} << 16;  ///< bytes of one text
  static constexpr unsigned kDeepest = 6;                            ///< nested arrays

  explicit ReplyTreeReader(const ReplyTreeBounds& bounds = {});
  ~ReplyTreeReader();

  /// False if out of bounds or memory; the stream is then unusable.
  bool Feed(std::string_view bytes);
  /// Takes the next finished reply. kBroken: not RESP2, or too deep.
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
