// Sends each request to the node of a Redis Cluster that owns its slot.
//
//   * Any node can list the owners (CLUSTER SLOTS, redis/topology_query.h). The router asks at its
//     start, when a node is lost, refuses or reports moved slots, and repeatedly while an owner
//     does not answer. Until the owners are known, requests wait; if no node could be asked, checks
//     fail at once.
//   * MOVED: the slot gets its new owner, and the request goes there at once.
//   * ASK and TRYAGAIN (the slot is moving, key by key): each request of the batch goes alone. An
//     ASKed one goes to the other node after ASKING; one whose keys are on both nodes is retried
//     after some ms, until its deadline.
//   * A request that is redirected kMostRedirects times without a wait fails.
//   * When slots have a new owner, requests not yet written to the former one go there.
//   * A check whose keys are in different slots fails: no node could decide it in one step.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "redis/redirect.h"
#include "redis/router.h"
#include "redis/slot.h"
#include "slot_map.h"

namespace sluice::redis {

class ClusterRouter final : public Router {
 public:
  static constexpr unsigned kMostRedirects = 16;
  /// The most nodes in a table and redirections together.
  static constexpr std::size_t kMostNodes = SlotTableReader::kMostMasters;

  ClusterRouter(ServerSet set, Options options, std::uint64_t seed, Nanos now);

  void Submit(std::span<Request> requests, Nanos now) override;
  void Advance(Nanos now) override;

 private:
  struct Node {
    NodeAddress address;
    std::shared_ptr<ServerSession> session;
    bool listed = false;       // has slots, by the last table
    std::size_t slots = 0;     // number of its slots in owners_
    Nanos used{0};             // the time of the last request to it
    bool troubled = false;     // by its session, when that was last driven
    std::uint64_t losses = 0;  // the session's losses handled so far
    std::vector<Request> outgoing;
  };

  Nanos OwnTime() const override;

  void Place(Request&& request, Nanos now);
  void Give(Node& node, Request&& request);
  void Flush(Nanos now);

  void TakeBack(Node& node, Nanos now);
  void Redirected(Node& node, Request&& request, const Redirect& redirect, bool single,
                  const std::string& error, Nanos now);

  void Refresh(Nanos soon);
  void FollowQuery(Nanos now);
  std::vector<Endpoint> Candidates();
  void Apply(const SlotTable& table, Nanos now);
  void SetOwner(std::uint16_t slot, Node* node);
  void DropUnlisted(Nanos now);
  void LookAfterTroubled(Nanos now);

  Endpoint EndpointOf(const NodeAddress& address) const;
  Node* Find(const NodeAddress& address);
  Node* FindOrAdd(const NodeAddress& address, Nanos now);

  const ServerSet set_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::map<NodeAddress, Node*> by_address_;
  std::vector<Node*> giving_;           // have something in outgoing
  std::size_t unlisted_ = 0;            // nodes
  std::size_t troubled_ = 0;            // listed nodes
  std::array<Node*, kSlots> owners_{};  // into nodes_; null: no known owner
  bool known_ = false;                  // there has been a table
  std::vector<NodeAddress> replicas_;

  TopologyQuery query_;
  std::optional<SlotTableReader> reader_;  // of the table being read
  std::string answered_;                   // the node that sent it
  Nanos refresh_at_;                       // the time of the next query; kNever: none
  unsigned failures_ = 0;                  // queries in a row without a result
  unsigned troubles_ = 0;                  // queries in a row because of a silent node
  std::string lost_;                       // if not empty: why the owners are unknown
  bool changed_ = true;                    // protocols() is out of date
};

}  // namespace sluice::redis
