// Text from servers in a form that is safe in a log line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::redis {

/// Copies `text` up to `most` bytes of it. Writes each byte that could forge or garble a log line
/// as
/// "\xHH": control characters (C0, DEL, C1), line and paragraph separators, the marks that turn the
/// direction of writing, and what is not UTF-8. Cuts between characters. The result has at most
/// 4 * `most` bytes.
std::string Printable(std::string_view text, std::size_t most);

}  // namespace sluice::redis
