// Names of a policy set's states, and of faults.
#include "redis/request.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "redis/keys.h"

namespace sluice::redis {

PolicySet::PolicySet(std::vector<Policy> policies, std::string_view prefix)
    : policies_(std::move(policies)), plain_(std::ranges::all_of(policies_, IsPlainTat)) {
  AppendEscapedPrefix(prefix, head_);
  head_.append(":{");
  tails_.reserve(policies_.size());
  for (const Policy& policy : policies_) {
    std::string& tail = tails_.emplace_back("}:");
    tail.append(policy.name).append(":").append(StateTag(policy.algorithm));
  }
}

void AppendStateName(const Request& request, std::size_t policy, std::string& out) {
  const PolicySet& set = *request.set;
  const KeyList* const keys = request.keys.get();
  const EscapedKey& key = keys == nullptr || keys->each.empty() ? request.key : keys->each[policy];
  out.append(set.head_);
  const std::string_view tail = set.tails_[policy];
  if (keys == nullptr || !keys->shard) {
    out.append(key.view()).append(tail);
    return;
  }
  const std::size_t tag = 2 + set.policies_[policy].name.size() + 1;  // behind "}:<policy>:"
  out.append(keys->shard->view()).append(tail.substr(0, tag));
  out.append(key.view()).append(":").append(tail.substr(tag));
}

void AppendLedgerName(std::string_view state, std::string& out) { out.append(state).append(":r"); }

namespace {

// Appends the shard, or the first of the request's keys.
void AppendTag(const Request& request, std::string& out) {
  const KeyList* const keys = request.keys.get();
  const EscapedKey& tag = keys == nullptr      ? request.key
                          : keys->shard        ? *keys->shard
                          : keys->each.empty() ? request.key
                                               : keys->each.front();
  out.append(tag.view());
}

}  // namespace

void AppendClosedName(const Request& request, std::string& out) {
  out.append(request.set->head_);
  AppendTag(request, out);
  AppendHolder(request.holder(), out.append("}:closed1:"));
}

void AppendHolder(HolderId holder, std::string& out) {
  for (const std::uint64_t half : {holder.high, holder.low}) {
    for (int shift = 60; shift >= 0; shift -= 4) {
      out.push_back("0123456789abcdef"[half >> shift & 15]);
    }
  }
}

bool NamesId(const Request& request) {
  if (request.digests == nullptr) return false;
  switch (request.kind) {
    case Request::Kind::kCheck:
    case Request::Kind::kDebit:
    case Request::Kind::kCredit:
    case Request::Kind::kAbort:
    case Request::Kind::kRelease:
      return true;
    default:
      return false;
  }
}

void AppendIdName(const Request& request, std::string& out) {
  out.append(request.set->head_);
  AppendTag(request, out);
  out.append("}:id1:").append(request.digests->name);
}

std::string_view FaultName(Fault fault) {
  switch (fault) {
    case Fault::kNone:
      return "none";
    case Fault::kTimeout:
      return "timeout";
    case Fault::kOverload:
      return "overload";
    case Fault::kUnavailable:
      return "unavailable";
    case Fault::kRefused:
      return "refused";
    case Fault::kServer:
      return "server";
    case Fault::kForeign:
      return "foreign";
    case Fault::kProtocol:
      return "protocol";
    case Fault::kClosed:
      return "closed";
    case Fault::kCrossSlot:
      return "cross-slot";
  }
  return "unknown";
}

}  // namespace sluice::redis
