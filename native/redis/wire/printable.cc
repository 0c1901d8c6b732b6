#include "printable.h"

#include <algorithm>

namespace sluice::redis {
namespace {

unsigned char ByteAt(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

// The length of the UTF-8 character at the front; 0 if there is none (RFC 3629, section 4).
std::size_t CharacterLength(std::string_view text) {
  const unsigned char first = ByteAt(text, 0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((ByteAt(text, i) & 0xC0) != 0x80) return 0;
  }
  const unsigned char second = ByteAt(text, 1);
  // No longer than needed, no surrogate, not above U+10FFFF.
  const bool bad = (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
                   (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
  return bad ? 0 : length;
}

// `character` is one UTF-8 character.
bool IsSafe(std::string_view character) {
  const unsigned char first = ByteAt(character, 0);
  if (character.size() == 1) return first >= 0x20 && first != 0x7F;
  const unsigned char second = ByteAt(character, 1);
  if (first == 0xC2) return second >= 0xA0;  // U+0080 to U+009F: C1
  if (first == 0xD8) return second != 0x9C;  // U+061C: Arabic letter mark
  if (first != 0xE2) return character != "\xEF\xBB\xBF";
  const unsigned char third = ByteAt(character, 2);
  // U+200B to U+200F, U+2028 to U+202E, U+2060 to U+206F.
  if (second == 0x80)
    return !((third >= 0x8B && third <= 0x8F) || (third >= 0xA8 && third <= 0xAE));
  return second != 0x81 || third < 0xA0 || third > 0xAF;
}

void AppendEscaped(std::string_view bytes, std::string& out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out.append("\\x").push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
}

}  // namespace

std::string Printable(std::string_view text, std::size_t most) {
  std::string out;
  out.reserve(std::min(text.size(), most));
  for (std::size_t taken = 0; taken < text.size();) {
    const std::string_view rest = text.substr(taken);
    const std::size_t length = CharacterLength(rest);
    const std::string_view character = rest.substr(0, std::max<std::size_t>(length, 1));
    taken += character.size();
    if (taken > most) break;
    if (length != 0 && IsSafe(character)) {
      out.append(character);
    } else {
      AppendEscaped(character, out);
    }
  }
  return out;
}

}  // namespace sluice::redis
