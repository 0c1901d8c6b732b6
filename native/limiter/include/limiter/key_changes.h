// The times of this process's changes to keys, other than by checks.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice {

/// Tells whether information about a key is older than its last reset, credit, debit, block,
/// unblock, release and so on. One instance serves all limiters, plans, threads and connections of
/// a process. Thread safe; takes no lock.
///
/// Keys share a fixed number of slots, so an unchanged key may seem changed; never the reverse.
class KeyChanges {
 public:
  /// Counts changes.
  using Tick = std::uint64_t;

  /// Read it before sending a check: the answer reflects all changes noted before.
  Tick now() const { return last_.load(); }
  /// Call it before sending a change, so that later checks ignore older answers. Call it again when
  /// the change is done, to invalidate all answers in between.
  void Note(std::string_view key);
  /// The key's last change, or a later one. Answers to checks before it are out of date.
  Tick Latest(std::string_view key) const;

 private:
  static constexpr std::size_t kSlots = 4096;

  static std::size_t SlotOf(std::string_view key);

  std::atomic<Tick> last_{0};
  std::array<std::atomic<Tick>, kSlots> slots_{};
};

}  // namespace sluice
