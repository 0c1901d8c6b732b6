// Text from servers in a form that is safe in a log line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::redis {

/// Copies at most `most` bytes of `text`, and cuts between characters. Writes as "\xHH" each byte
/// that could forge or garble a log line: control characters (C0, DEL, C1), line and paragraph
/// separators; marks that change the writing direction; invalid UTF-8. The result has at most 4 *
/// `most` bytes.
std::string Printable(std::string_view text, std::size_t most);

}  // namespace sluice::redis
