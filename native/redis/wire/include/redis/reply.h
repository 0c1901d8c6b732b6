// Redis' replies (RESP2) as the link needs them: bytes in, values out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct redisReader;

namespace sluice::redis {

/// One reply. The only arrays that a server has reason to send us are flat: texts, or integers and
/// perhaps one text at the end.
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

/// Cuts a stream into replies. Refuses arrays inside of arrays. Not thread safe.
class ReplyReader {
 public:
  /// kBroken: this is not RESP. kTooLong: it is longer than the reply may be, of which the rest may
  /// be still to come.
  enum class Next : std::uint8_t { kReply, kMore, kBroken, kTooLong };

  /// Bytes that may be fed and not yet taken.
  static constexpr std::size_t kMostUnread = std::size_t{1} << 20;
  /// Bytes of all texts of one reply. INFO takes a few thousand.
  static constexpr std::size_t kLongestText = std::size_t{1} << 17;
  /// Elements of one array. 128 repeated checks with ids over 16 policies need fewer than 22,000.
  static constexpr std::size_t kMostElements = 32768;

  ReplyReader();
  ~ReplyReader();

  /// False when out of bounds or memory; the stream is then of no more use.
  bool Feed(std::string_view bytes);
  /// Takes the next finished reply. `most`: the elements that an array of it may have; at most
  /// kMostElements.
  Next Take(Reply& reply, std::size_t most = kMostElements);
  /// Starts anew, for a new connection.
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
