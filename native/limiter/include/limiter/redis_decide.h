// The decision of a check or peek from the states that Redis read.
#pragma once

#include "core/result.h"
#include "redis/request.h"

namespace sluice {

/// Decides `request`, a check or peek that Redis answered with `completion`. Sets all of `result`.
/// Marks of TATs are modulo TatAlgorithm::kWireModulus.
void DecideByReply(const redis::Request& request, const redis::Completion& completion,
                   Result& result);

}  // namespace sluice
