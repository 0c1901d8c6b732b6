// Redis' replies (RESP2): bytes in, values out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct redisReader;

namespace sluice::redis {

/// One reply, or an element of one.
///
/// Integers at the start of an array are in a list of their own, and one text behind nothing but
/// integers is `text`. So a reply of the script, which can have 20,000 integers, has no elements.
struct Reply {
  enum class Kind : std::uint8_t {
    kStatus,   ///< `text`
    kError,    ///< `text`, "CODE explanation"
    kInteger,  ///< `integers[0]`
    kText,     ///< `text`
    kArray,    ///< `integers`, then `text` if it is not empty, or `items`
    kNil,
    kOther,  ///< not RESP2, but well-formed
  };
  Kind kind = Kind::kOther;
  std::string text;
  std::vector<std::int64_t> integers;
  std::vector<Reply> items{};

  /// Whether it is an array that begins with `least` elements other than integers.
  bool IsArray(std::size_t least) const {
    return kind == Kind::kArray && integers.empty() && items.size() >= least;
  }
};

/// The bounds of one reply.
struct ReplyBounds {
  std::size_t nodes = 4096;                 ///< elements of all arrays
  std::size_t elements = 1024;              ///< of one array
  std::size_t text = std::size_t{1} << 16;  ///< bytes of all texts
  unsigned depth = 6;                       ///< of nested arrays

  /// For commands whose replies hold no nested array. INFO takes a few thousand bytes.
  static constexpr ReplyBounds Flat(std::size_t elements) {
    return {.nodes = elements, .elements = elements, .text = std::size_t{1} << 17, .depth = 1};
  }
};

/// Cuts a stream into replies. Not thread safe.
class ReplyReader {
 public:
  /// kBroken: not RESP, or nested too deep. kTooLong: longer than the reply may be, possibly with
  /// the rest still to come.
  enum class Next : std::uint8_t { kReply, kMore, kBroken, kTooLong };

  /// Bytes that may be fed and not yet taken.
  static constexpr std::size_t kMostUnread = std::size_t{1} << 20;
  /// Bytes of one text.
  static constexpr std::size_t kLongestText = std::size_t{1} << 17;
  /// Elements of a reply of the script: 128 repeated checks with ids over 16 policies need fewer
  /// than 22,000.
  static constexpr std::size_t kMostElements = 32768;

  ReplyReader();
  ~ReplyReader();

  /// False if out of bounds or memory; the stream is then unusable.
  bool Feed(std::string_view bytes);
  /// Takes the next finished reply.
  Next Take(Reply& reply, const ReplyBounds& bounds);
  /// Starts again, for a new connection.
  void Reset();

 private:
  class Builder;
  struct Free {
    void operator()(redisReader* reader) const;
  };
  std::unique_ptr<Builder> builder_;
  std::unique_ptr<redisReader, Free> reader_;  // refers to builder_
};

}  // namespace sluice::redis
