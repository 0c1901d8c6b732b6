// Reads CLUSTER SLOTS.
#include "slot_map.h"

#include <algorithm>

#include "redis/slot.h"

namespace sluice::redis {
namespace {

using Kind = ReplyTree::Kind;

bool IsNumber(const ReplyTree& reply, std::int64_t least, std::int64_t most) {
  return reply.kind == Kind::kInteger && reply.integer >= least && reply.integer <= most;
}

// [host, port, id, ...]
std::optional<NodeAddress> ReadNode(const ReplyTree& reply, const std::string& asked) {
  if (!reply.IsArray(2) || !IsNumber(reply.items[1], 1, 65535)) return std::nullopt;
  const ReplyTree& host = reply.items[0];
  if (host.kind != Kind::kText && host.kind != Kind::kNil) return std::nullopt;
  // "?": its operator wants it to be called by a name that it was not given.
  const bool nameless = host.text.empty() || host.text == "?";
  return NodeAddress{.host = nameless ? asked : host.text,
                     .port = static_cast<std::uint16_t>(reply.items[1].integer)};
}

}  // namespace

std::optional<SlotTable> ReadSlotTable(const ReplyTree& reply, const std::string& asked) {
  if (!reply.IsArray(1)) return std::nullopt;
  SlotTable table;
  for (const ReplyTree& entry : reply.items) {
    // [first, last, master, replica ...]
    if (!entry.IsArray(3) || !IsNumber(entry.items[0], 0, kSlots - 1) ||
        !IsNumber(entry.items[1], entry.items[0].integer, kSlots - 1)) {
      return std::nullopt;
    }
    const auto master = ReadNode(entry.items[2], asked);
    if (!master) return std::nullopt;
    table.ranges.push_back({.first = static_cast<std::uint16_t>(entry.items[0].integer),
                            .last = static_cast<std::uint16_t>(entry.items[1].integer),
                            .master = *master});
    for (std::size_t i = 3; i < entry.items.size(); ++i) {
      const auto replica = ReadNode(entry.items[i], asked);
      if (replica && std::ranges::find(table.replicas, *replica) == table.replicas.end()) {
        table.replicas.push_back(*replica);
      }
    }
  }
  return table;
}

}  // namespace sluice::redis
