// Computation of slots.
#include "redis/slot.h"

#include <array>

namespace sluice::redis {
namespace {

constexpr std::array<std::uint16_t, 256> kTable = [] {
  constexpr unsigned kPolynomial = 0x1021;
  std::array<std::uint16_t, 256> table{};
  for (unsigned byte = 0; byte < table.size(); ++byte) {
    unsigned crc = byte << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000) != 0 ? crc << 1 ^ kPolynomial : crc << 1;
    table[byte] = static_cast<std::uint16_t>(crc);
  }
  return table;
}();

}  // namespace

std::uint16_t SlotOfTag(std::string_view tag) {
  unsigned crc = 0;
  for (const char c : tag) {
    const auto byte = static_cast<unsigned char>(c);
    crc = (crc << 8 ^ kTable[(crc >> 8 ^ byte) & 0xFF]) & 0xFFFF;
  }
  return static_cast<std::uint16_t>(crc % kSlots);
}

std::optional<std::uint16_t> SlotOf(const Request& request) {
  const KeyList* const keys = request.keys.get();
  if (keys != nullptr && keys->shard) return SlotOfTag(keys->shard->view());
  if (keys == nullptr || keys->each.empty()) return SlotOfTag(request.key.view());
  const std::uint16_t slot = SlotOfTag(keys->each.front().view());
  for (const EscapedKey& key : keys->each) {
    if (SlotOfTag(key.view()) != slot) return std::nullopt;
  }
  return slot;
}

}  // namespace sluice::redis
