// The result of one check under all policies of a limiter.
#pragma once

#include "core/result.h"

namespace sluice {

using Verdict = Result;

}  // namespace sluice
