// What happened: every request with the numbers put into the rule and the answer, and totals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "core/decision.h"
#include "core/tat.h"

namespace sluice::sim {

enum class Origin : std::uint8_t { kTraffic, kPerson };

/// One request and why it was answered so. The rule: admit iff n*I <= C*I - b.
struct Request {
  std::uint64_t id = 0;  ///< 1, 2, ... in the order of arrival
  Nanos at{0};
  std::uint32_t caller = 0;
  Origin origin = Origin::kTraffic;
  std::int64_t cost = 1;    ///< n
  TatRule rule{};           ///< C and I
  Nanos backlog_before{0};  ///< b, as the limiter saw it
  Decision decision{};      ///< its reset_after is b after the call

  /// C*I - b. Negative while in debt (the capacity was lowered).
  Nanos RoomBefore() const { return rule.Span() - backlog_before; }
  Nanos RoomAfter() const { return rule.Span() - decision.reset_after; }
  /// n*I. Precondition: cost <= capacity.
  Nanos Need() const { return cost * rule.interval; }
  /// The TAT that the limiter holds for the caller after this request.
  Nanos Tat() const { return at + decision.reset_after; }
};

/// From `at` on, `rule` holds.
struct RuleChange {
  Nanos at{0};
  TatRule rule;
};

/// Requests, and the cost units they asked for.
struct Totals {
  std::int64_t requests = 0;
  std::int64_t admitted = 0;
  std::int64_t units_offered = 0;
  std::int64_t units_admitted = 0;

  std::int64_t denied() const { return requests - admitted; }
  void Add(const Request& request);
};

/// Bounded: the oldest requests are dropped, the totals go on. Times never decrease.
class History {
 public:
  explicit History(std::uint32_t callers, std::size_t most_requests = kMostRequests);

  void Add(const Request& request);
  void Add(const RuleChange& change);

  const std::deque<Request>& requests() const { return requests_; }
  /// At least one once a run has begun; the first holds from time 0.
  const std::vector<RuleChange>& rule_changes() const { return rule_changes_; }
  const Totals& totals() const { return totals_; }
  const std::vector<Totals>& per_caller() const { return per_caller_; }
  /// Whether requests before the first one held have been dropped.
  bool truncated() const { return truncated_; }

  /// The first request at `at` or later; end() if there is none.
  std::deque<Request>::const_iterator FirstFrom(Nanos at) const;
  /// The newest request of `caller` held that came before `at`; null if there is none.
  const Request* LastBefore(std::uint32_t caller, Nanos at) const;
  /// The request with this id; null if there is none or it was dropped.
  const Request* Find(std::uint64_t id) const;

 private:
  static constexpr std::size_t kMostRequests = std::size_t{1} << 18;

  std::size_t most_requests_;
  std::deque<Request> requests_;
  std::vector<RuleChange> rule_changes_;
  Totals totals_;
  std::vector<Totals> per_caller_;
  bool truncated_ = false;
};

}  // namespace sluice::sim
