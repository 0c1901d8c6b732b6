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

/// One reply. Valid arrays are flat: texts, or integers with at most one text at the end.
struct Reply {
  enum class Kind : std::uint8_t {
    kStatus,   ///< `text`
    kError,    ///< `text`, "CODE explanation"
    kInteger,  ///< `integers[0]`
    kText,     ///< `text`
    kArray,    ///< `integers`, then `text` if it is not empty
    kTexts,    ///< an array of two or more: `texts`
    kOther,    ///< anything else, well-formed
  };
  Kind kind = Kind::kOther;
  std::string text;
  std::vector<std::int64_t> integers;
  std::vector<std::string> texts{};
};

/// Cuts a stream into replies. Refuses nested arrays. Not thread safe.
class ReplyReader {
 public:
  /// kBroken: not RESP. kTooLong: longer than the reply may be, possibly with the rest still to
  /// come.
  enum class Next : std::uint8_t { kReply, kMore, kBroken, kTooLong };

  /// Bytes that may be fed and not yet taken.
  static constexpr std::size_t kMostUnread = std::size_t{1} << 20;
  /// Bytes of all texts of one reply. INFO takes a few thousand.
  static constexpr std::size_t kLongestText = std::size_t{1} << 17;
  /// Elements of one array. 128 repeated checks with ids over 16 policies need fewer than 22,000.
  static constexpr std::size_t kMostElements = 32768;

  ReplyReader();
  ~ReplyReader();

  /// False if out of bounds or memory; the stream is then unusable.
  bool Feed(std::string_view bytes);
  /// Takes the next finished reply. `most`: the limit of an array's elements, at most
  /// kMostElements.
  Next Take(Reply& reply, std::size_t most = kMostElements);
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
