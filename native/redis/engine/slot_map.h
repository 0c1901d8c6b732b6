// The owners of a cluster's slots, as one of its nodes lists them.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "redis/reply.h"
#include "redis/slot.h"

namespace sluice::redis {

/// A node's address. Distinct nodes have distinct ones.
struct NodeAddress {
  std::string host;
  std::uint16_t port = 0;
  auto operator<=>(const NodeAddress&) const = default;
};

struct SlotRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;  ///< included
  NodeAddress master;
};

struct SlotTable {
  std::vector<SlotRange> ranges;
  std::vector<NodeAddress> replicas;  ///< they can list the slots too
};

/// The bounds of a reply to CLUSTER SLOTS. The largest one has a range for each slot, with three
/// nodes that give their ids and hostnames (Redis 7). It has 400,000 elements and, with
/// hostnames of 60 bytes, 6 MiB of text.
inline constexpr ReplyBounds kSlotTableBounds{
    .nodes = 500'000, .elements = kSlots, .text = std::size_t{8} << 20};

/// Reads the reply to CLUSTER SLOTS step by step.
/// Source: Redis' documentation of CLUSTER SLOTS, "Redis version 7 and above" included.
class SlotTableReader {
 public:
  enum class Next : std::uint8_t { kMore, kDone, kBroken };

  /// The largest clusters have about 1,000 nodes.
  static constexpr std::size_t kMostMasters = 1024;
  static constexpr std::size_t kMostReplicas = 4096;

  /// `asked`: the host that sent the reply, which replaces a missing host in it (behind NAT a node
  /// may not know its name).
  SlotTableReader(Reply reply, std::string asked);

  /// Reads `steps` more nodes or ranges. kBroken: the reply is invalid.
  Next Read(std::size_t steps);
  /// Precondition: kDone.
  SlotTable& table() { return table_; }
  /// Precondition: kBroken. For people.
  const std::string& why() const { return why_; }

 private:
  bool Begin(const Reply& range);
  bool AddReplica(const Reply& node);
  bool Refuse(std::string why);

  Reply reply_;
  const std::string asked_;
  std::size_t range_ = 0;  // the next one to read
  std::size_t item_ = 0;   // in that range
  std::size_t slots_ = 0;  // in the ranges so far
  SlotTable table_;
  std::set<NodeAddress> masters_;
  std::set<NodeAddress> replicas_;
  std::string why_;
};

}  // namespace sluice::redis
