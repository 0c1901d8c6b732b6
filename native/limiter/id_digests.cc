#include "id_digests.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice {
namespace {

using Kind = Operation::Kind;

// Distinct lists of texts give distinct texts.
void AppendFramed(std::string_view text, std::string& out) {
  out.append(std::to_string(text.size())).append(":").append(text);
}

}  // namespace

std::shared_ptr<const redis::IdDigests> DigestsOf(const Operation& operation,
                                                  const RedisLimiter::Key& key,
                                                  const redis::PolicySet& set, const IdScope& ids) {
  if (!operation.has_id()) return nullptr;
  auto digests = std::make_shared<redis::IdDigests>();
  // Debits and credits have random ids, which no caller can name.
  const bool of_check = operation.kind == Kind::kCheck || operation.kind == Kind::kAbort;
  std::string name = of_check ? "check" : "change";
  AppendFramed(ids.limiter, name);
  AppendFramed(operation.options->id, name);
  for (const std::string& one : key.each) AppendFramed(one, name);
  redis::AppendDigest(name, digests->name);

  std::string fingerprint;
  AppendFramed(ids.plan, fingerprint);
  for (std::size_t i = 0; i < set.size(); ++i) {
    const Ask ask = operation.AskOf(i);
    AppendFramed(set.policies()[i].name, fingerprint);
    AppendFramed(StateTag(set.policies()[i].algorithm), fingerprint);
    AppendFramed(std::to_string(ask.cost), fingerprint);
    AppendFramed(std::to_string(ask.limit), fingerprint);
  }
  redis::AppendDigest(fingerprint, digests->fingerprint);
  return digests;
}

}  // namespace sluice
