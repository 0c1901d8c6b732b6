// Sends each request to the node of a Redis Cluster that has its slot.
//
//   * Who has which slot is asked of any node (CLUSTER SLOTS, redis/survey.h) when the router is
//     made, when a node is lost, refuses or says that slots have moved, and again and again for as
//     long as one of those that have slots does not answer. Until it is known requests wait, or,
//     when nobody could be asked, checks fail at once.
//   * MOVED: the slot's entry is changed and the request goes there at once.
//   * ASK and TRYAGAIN (the slot is being moved, key by key): each request of the batch goes alone;
//     one that is asked for elsewhere goes there after ASKING, and one whose keys are on both sides
//     is tried again after some ms, until its deadline.
//   * A request that is redirected kMostRedirects times with no wait between fails.
//   * When slots have changed hands, what was not written to the former owner goes to the new one.
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
  /// The most nodes that a table and redirections may name together.
  static constexpr std::size_t kMostNodes = SlotTableReader::kMostMasters;

  ClusterRouter(ServerSet set, Options options, std::uint64_t seed, Nanos now);

  void Submit(std::span<Request> requests, Nanos now) override;
  void Turn(Nanos now) override;

 private:
  struct Node {
    NodeAddress address;
    std::shared_ptr<ServerSession> session;
    bool listed = false;       // has slots, by the last table
    std::size_t slots = 0;     // that owners_ gives it
    Nanos used{0};             // when something was last sent here
    std::uint64_t losses = 0;  // of the session, that are known here
    std::vector<Request> outgoing;
  };

  Nanos OwnTime() const override;

  void Place(Request&& request, Nanos now);
  void Flush(Nanos now);

  void TakeBack(Node& node, Nanos now);
  void Redirected(Node& node, Request&& request, const Redirect& redirect, bool lone,
                  const std::string& error, Nanos now);

  void Refresh(Nanos soon);
  void FollowSurvey(Nanos now);
  std::vector<Endpoint> Candidates();
  void Apply(const SlotTable& table, Nanos now);
  void SetOwner(std::uint16_t slot, Node* node);
  void LookAfterNodes(Nanos now);

  Endpoint EndpointOf(const NodeAddress& address) const;
  Node* Find(const NodeAddress& address);
  Node* FindOrAdd(const NodeAddress& address, Nanos now);

  const ServerSet set_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::map<NodeAddress, Node*> by_address_;
  std::array<Node*, kSlots> owners_{};  // of nodes_; null: nobody that is known
  bool known_ = false;                  // there has been a table
  std::vector<NodeAddress> replicas_;

  Survey survey_;
  std::optional<SlotTableReader> reader_;  // of an answer to it
  std::string answered_;                   // who gave that
  Nanos refresh_at_;                       // when to ask for the slots; kNever: no reason to
  unsigned in_vain_ = 0;                   // surveys in a row that found nothing
  unsigned troubles_ = 0;  // surveys in a row that were for a node's sake that does not answer
  std::string lost_;       // if not empty: why nobody knows the slots
  bool changed_ = true;    // conversations() is not what it should be
};

}  // namespace sluice::redis
