// What a link asks the server about itself: once a connection is ready, and never before a check.
#include <algorithm>
#include <array>
#include <utility>

#include "redis/link.h"

namespace sluice::redis {

void Link::Examine(Nanos now) {
  if (!std::exchange(examination_due_, false)) return;
  examination_ = {};
  for (const Question question : {Question::kTime, Question::kReplication, Question::kMemory}) {
    // A router follows the roles by itself.
    if (question == Question::kReplication && options_.routed) continue;
    AddCommand(Command::Kind::kQuestion, {}, now, question);
  }
}

void Link::OnQuestionReply(const Command& command, Reply&& reply, Nanos now) {
  if (command.question == Question::kTime) {
    examination_.asked = command.sent;
    examination_.heard = now;
  }
  examination_.Note(command.question, std::move(reply));
  if (command.question == Question::kMemory && examination_.LacksPolicy()) {
    return AddCommand(Command::Kind::kQuestion, {}, now, Question::kConfig);
  }
  examined_ = command.question == Question::kMemory || command.question == Question::kConfig;
}

// Whether the connection has the server's questions about itself unanswered.
bool Link::IsExamining() const {
  return std::ranges::any_of(
      under_way_, [](const Command& command) { return command.kind == Command::Kind::kQuestion; });
}

// Whether a reply is under way that has to come. The server may take its time with what it says
// of itself, unless the connection waits to end.
bool Link::OwesReply() const {
  return std::ranges::any_of(under_way_, [this](const Command& command) {
    return command.kind != Command::Kind::kQuestion || !leaving_.empty();
  });
}

std::vector<Warning> Link::TakeWarnings(Nanos wall) {
  if (!std::exchange(examined_, false)) return {};
  return doctor_.See(std::exchange(examination_, {}), wall);
}

}  // namespace sluice::redis
