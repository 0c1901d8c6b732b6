// Reader of CLUSTER SLOTS.
#include "slot_map.h"

#include <optional>
#include <utility>

#include "redis/endpoint.h"

namespace sluice::redis {
namespace {

using Kind = Reply::Kind;

// [host, port, id, ...]
std::optional<NodeAddress> ReadNode(const Reply& reply, const std::string& asked) {
  if (!reply.IsArray(2) || reply.items[1].kind != Kind::kInteger) return std::nullopt;
  const std::int64_t port = reply.items[1].integers[0];
  if (port < 1 || port > 65535) return std::nullopt;
  const Reply& host = reply.items[0];
  if (host.kind != Kind::kText && host.kind != Kind::kNil) return std::nullopt;
  // "?": the node has no preferred name.
  const bool nameless = host.text.empty() || host.text == "?";
  if (!nameless && !IsHost(host.text)) return std::nullopt;
  return NodeAddress{.host = nameless ? asked : host.text,
                     .port = static_cast<std::uint16_t>(port)};
}

}  // namespace

SlotTableReader::SlotTableReader(Reply reply, std::string asked)
    : reply_(std::move(reply)), asked_(std::move(asked)) {}

SlotTableReader::Next SlotTableReader::Read(std::size_t steps) {
  if (!reply_.IsArray(1)) {
    Refuse("the server's answer names no slots of a cluster");
    return Next::kBroken;
  }
  for (; steps > 0; --steps) {
    if (range_ == reply_.items.size()) return Next::kDone;
    Reply& range = reply_.items[range_];
    if (item_ == 0) {
      if (!Begin(range)) return Next::kBroken;
      item_ = 1;
    } else if (item_ < range.items.size()) {
      if (!AddReplica(range.items[item_++])) return Next::kBroken;
    } else {
      range = {};  // freeing a long reply at once takes as long as reading it
      item_ = 0;
      ++range_;
    }
  }
  return Next::kMore;
}

// [first, last, master, replica ...]
bool SlotTableReader::Begin(const Reply& range) {
  const std::vector<std::int64_t>& slots = range.integers;
  if (range.kind != Kind::kArray || range.items.empty() || slots.size() != 2 || slots[0] < 0 ||
      slots[1] < slots[0] || slots[1] >= kSlots) {
    return Refuse("the server's answer has an invalid range of slots");
  }
  const auto first = static_cast<std::uint16_t>(slots[0]);
  const auto last = static_cast<std::uint16_t>(slots[1]);
  slots_ += std::size_t{last} - first + 1;
  if (slots_ > kSlots) return Refuse("the server's answer names slots twice");
  auto master = ReadNode(range.items.front(), asked_);
  if (!master) {
    return Refuse("the server's answer has an invalid host or port of a node");
  }
  masters_.insert(*master);
  if (masters_.size() > kMostMasters) {
    return Refuse("the server's answer names more than " + std::to_string(kMostMasters) +
                  " masters");
  }
  table_.ranges.push_back({.first = first, .last = last, .master = std::move(*master)});
  return true;
}

// A replica that cannot be read is not needed.
bool SlotTableReader::AddReplica(const Reply& node) {
  auto replica = ReadNode(node, asked_);
  if (!replica || !replicas_.insert(*replica).second) return true;
  if (replicas_.size() > kMostReplicas) {
    return Refuse("the server's answer names more than " + std::to_string(kMostReplicas) +
                  " replicas");
  }
  table_.replicas.push_back(std::move(*replica));
  return true;
}

bool SlotTableReader::Refuse(std::string why) {
  why_ = std::move(why);
  return false;
}

}  // namespace sluice::redis
