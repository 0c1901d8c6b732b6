// The readings of a request for each of its policies, stored in place if there are few.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "core/reading.h"

namespace sluice::redis {

/// A reading for each policy. After a move it may be resized.
class Readings {
 public:
  /// All of them fresh.
  void Resize(std::size_t count) {
    few_ = {};
    many_.clear();
    if (count > few_.size()) many_.resize(count);
    size_ = count;
  }

  std::size_t size() const { return size_; }
  Reading* data() { return many_.empty() ? few_.data() : many_.data(); }
  const Reading* data() const { return many_.empty() ? few_.data() : many_.data(); }
  Reading& operator[](std::size_t policy) { return data()[policy]; }
  const Reading& operator[](std::size_t policy) const { return data()[policy]; }
  const Reading* begin() const { return data(); }
  const Reading* end() const { return data() + size_; }

 private:
  std::array<Reading, 3> few_;
  std::vector<Reading> many_;
  std::size_t size_ = 0;
};

}  // namespace sluice::redis
