#include "denial_answerer.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "request_keys.h"

namespace sluice {
namespace {

/// Whether a check runs under the policies' own limits, without a wait and without an id.
bool IsCommon(const redis::Request& request) {
  if (!request.options) return true;
  return request.max_wait() == kNoWait && !request.has_id() &&
         request.options->limits == kOwnLimits;
}

std::array<Ask, kMaxPolicies> AsksOf(const redis::Request& request) {
  std::array<Ask, kMaxPolicies> asks;
  for (std::size_t i = 0; i < request.set->size(); ++i) asks[i] = request.AskOf(i);
  return asks;
}

}  // namespace

bool DenialAnswerer::Answer(const redis::Request& request, Result& result) {
  if (request.kind != Operation::Kind::kCheck) return false;
  std::string buffer;
  const std::string_view name = NameOfKeys(request, buffer);
  const Nanos now = clock_->Now();
  if (!cache_.MayHold(name, now)) return false;
  if (!IsCommon(request)) {
    // If it is admitted, the cached states are out of date.
    cache_.Forget(name);
    return false;
  }
  KeyChanges::Tick changed = 0;
  VisitKeys(request,
            [&](std::string_view key) { changed = std::max(changed, changes_->Latest(key)); });
  const auto asks = AsksOf(request);
  return cache_.Answer(name, std::span(asks).first(request.set->size()), changed, now, result);
}

void DenialAnswerer::OnDecision(const redis::Finished& finished, const Result& result) {
  const auto& [request, completion] = finished;
  if (result.allowed || request.kind != Operation::Kind::kCheck || !IsCommon(request)) return;
  std::string buffer;
  const auto asks = AsksOf(request);
  cache_.Keep(NameOfKeys(request, buffer), {.asks = std::span(asks).first(request.set->size()),
                                            .readings = completion.readings,
                                            .decisions = result.Decisions(),
                                            .tick = request.changes_seen,
                                            .asked = request.asked,
                                            .told = clock_->Now()});
}

}  // namespace sluice
