// Answers that this process gives in place of the store.
#pragma once

#include "core/result.h"
#include "redis/request.h"

namespace sluice {

/// Thread safe.
class LocalAnswerer {
 public:
  virtual ~LocalAnswerer() = default;

  /// Sees each operation before it is sent. Returns true if `result` holds the answer, so that the
  /// store is not asked. Precondition: `result` is open for no policies.
  virtual bool Answer(const redis::Request& request, Result& result) = 0;

  /// Sees each decision of the store, on the thread of the backend.
  virtual void OnDecision(const redis::Finished& /*finished*/, const Result& /*result*/) {}
};

}  // namespace sluice
