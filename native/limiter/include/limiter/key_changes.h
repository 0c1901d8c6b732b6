// When this process last changed a key otherwise than by checking it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice {

/// What was learned of a key before a reset, credit, debit, block, unblock, release and so on no
/// longer holds. One for the process: whichever limiter, plan or thread makes the change, and over
/// whichever connection. Thread safe; takes no lock.
///
/// Keys share a fixed number of slots, so a key may seem changed that is not; never the other way.
class KeyChanges {
 public:
  /// Counts changes.
  using Tick = std::uint64_t;

  static KeyChanges& OfProcess();

  /// To be read before a question is sent: its answer knows of all changes noted until then.
  Tick now() const { return last_.load(); }
  /// To be called before the change is sent, so that what is asked after it is not answered by what
  /// was before it; and again when it is known to be done, for all that was answered in between.
  void Note(std::string_view key);
  /// The last change of the key, or later. What was asked before it is out of date.
  Tick Latest(std::string_view key) const;

 private:
  static constexpr std::size_t kSlots = 4096;

  static std::size_t SlotOf(std::string_view key);

  std::atomic<Tick> last_{0};
  std::array<std::atomic<Tick>, kSlots> slots_{};
};

}  // namespace sluice
