// Writes a picture to a file.
#pragma once

#include <string>

#include "backend.h"

namespace sluice::sim {

/// False on failure, with the path and the reason in `error`.
bool WritePng(const std::string& path, const Image& image, std::string& error);

}  // namespace sluice::sim
