// Requests as a call of the script, and its answer as completions. Knows no connection.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "redis/reply.h"
#include "redis/request.h"

namespace sluice::redis {

/// The most requests that one call carries.
inline constexpr std::size_t kMaxBatch = 128;

/// The script for Redis. Its own header describes its input and output.
std::string_view ScriptText();

/// The SHA-1 of that text in hexadecimal, as EVALSHA names it.
std::string ScriptSha();

/// The arguments of one call of the script, in a reusable buffer.
class ScriptCall {
 public:
  /// Describes 1 to kMaxBatch requests, none of them a reset. Replaces the previous description.
  void Describe(std::span<const Request> requests);

  std::size_t keys() const { return keys_; }
  std::size_t arguments() const { return ends_.size() - keys_; }
  /// KEYS[i + 1]
  std::string_view key(std::size_t i) const { return Piece(i); }
  /// ARGV[i + 1]
  std::string_view argument(std::size_t i) const { return Piece(keys_ + i); }

 private:
  std::string_view Piece(std::size_t i) const;
  void DescribeKeys(const Request& request);
  void DescribeGroup(std::span<const Request> group);
  void EndPiece() { ends_.push_back(text_.size()); }
  void AppendNumber(std::int64_t number);
  void AppendText(std::string_view text);
  /// As 32 hexadecimal digits.
  void AppendHolder(HolderId holder);

  std::string text_;
  std::vector<std::size_t> ends_;
  std::size_t keys_ = 0;
};

/// Appends EVALSHA in the protocol's form. `sha` is the answer to SCRIPT LOAD.
void AppendEvalSha(std::string_view sha, const ScriptCall& call, std::string& out);

/// The same as EVAL, with the script's text; the server then knows it by ScriptSha().
void AppendEval(const ScriptCall& call, std::string& out);

/// Appends one UNLINK of all names that these resets forget. Precondition: not empty.
void AppendReset(std::span<const Request> resets, std::string& out);

/// Appends all names that a reset forgets.
void AppendStateNames(const Request& reset, std::vector<std::string>& names);

/// Appends any command.
void AppendCommand(std::span<const std::string_view> pieces, std::string& out);

/// The most elements that the script's answer to Describe(requests) can have.
std::size_t MostElements(std::span<const Request> requests);

/// Reads the script's answer to Describe(requests): sets all of each completion but its ticket.
/// Returns false, and leaves `completions` unspecified, if the script cannot have given such an
/// answer. `completions` is as long as `requests`, and fresh.
bool ReadReply(const Reply& reply, std::span<const Request> requests,
               std::span<Completion> completions);

}  // namespace sluice::redis
