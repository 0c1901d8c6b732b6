// Who has a cluster's slots, as one of its nodes tells it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "redis/reply_tree.h"

namespace sluice::redis {

/// A node's address. Distinct nodes have distinct ones.
struct NodeAddress {
  std::string host;
  std::uint16_t port = 0;
  bool operator==(const NodeAddress&) const = default;
};

struct SlotRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;  ///< included
  NodeAddress master;
};

struct SlotTable {
  std::vector<SlotRange> ranges;
  std::vector<NodeAddress> replicas;  ///< they know the slots, too
};

/// Reads the reply to CLUSTER SLOTS. `asked`: the host that gave it, which stands for itself where
/// the reply names none (behind NAT a node may not know its name). Not set if the reply makes no
/// sense, or names no slot at all.
/// Source: Redis' documentation of CLUSTER SLOTS, "Redis version 7 and above" included.
std::optional<SlotTable> ReadSlotTable(const ReplyTree& reply, const std::string& asked);

}  // namespace sluice::redis
