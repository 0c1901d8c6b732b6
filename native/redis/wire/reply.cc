// Replies, built by hiredis' reader.
#include "redis/reply.h"

#include <hiredis.h>

#include <new>
#include <utility>

namespace sluice::redis {

// The current reply, built by the reader's callbacks.
class ReplyReader::Builder {
 public:
  static const redisReplyObjectFunctions kFunctions;

  Reply Take() {
    nodes_ = text_ = 0;
    return std::exchange(root_, {});
  }

  ReplyBounds bounds;
  bool too_long = false;  // why a callback has returned null

 private:
  // A null for an object stops the reader with an error; it does not interpret other values.
  static Builder& Of(const redisReadTask* task) { return *static_cast<Builder*>(task->privdata); }
  // The array that the value belongs to; null for a whole reply.
  static Reply* ArrayOf(const redisReadTask* task) {
    return task->parent == nullptr ? nullptr : static_cast<Reply*>(task->parent->obj);
  }

  static Reply* Place(const redisReadTask* task, Reply::Kind kind) {
    Reply* const array = ArrayOf(task);
    if (array != nullptr && array->items.empty()) {
      // All at once: the reader keeps pointers to elements.
      const auto elements = static_cast<std::size_t>(task->parent->elements);
      array->items.reserve(elements - array->integers.size());
    }
    Reply* const place = array == nullptr ? &Of(task).root_ : &array->items.emplace_back();
    place->kind = kind;
    return place;
  }

  static void* Text(const redisReadTask* task, char* text, std::size_t length) {
    Builder& self = Of(task);
    // The reader drops the bytes that it has read, so its buffer is not a bound.
    self.text_ += length;
    if (self.text_ > self.bounds.text) return self.GiveUp();
    Reply* const array = ArrayOf(task);
    const bool is_text = task->type == REDIS_REPLY_STRING;
    if (is_text && length > 0 && array != nullptr && !array->integers.empty() &&
        array->items.empty() && task->idx + 1 == task->parent->elements) {
      array->text.assign(text, length);
      return array;
    }
    Reply* const place = Place(task, task->type == REDIS_REPLY_ERROR    ? Reply::Kind::kError
                                     : task->type == REDIS_REPLY_STATUS ? Reply::Kind::kStatus
                                     : is_text                          ? Reply::Kind::kText
                                                                        : Reply::Kind::kOther);
    place->text.assign(text, length);
    return place;
  }

  static void* Array(const redisReadTask* task, std::size_t elements) {
    Builder& self = Of(task);
    // Deep nesting could exhaust the stack.
    unsigned depth = 1;
    for (const redisReadTask* up = task->parent; up != nullptr; up = up->parent) ++depth;
    if (depth > self.bounds.depth) return nullptr;
    self.nodes_ += elements;
    if (elements > self.bounds.elements || self.nodes_ > self.bounds.nodes) return self.GiveUp();
    const bool array = task->type == REDIS_REPLY_ARRAY;
    Reply* const place = Place(task, array ? Reply::Kind::kArray : Reply::Kind::kOther);
    if (self.bounds.depth == 1) place->integers.reserve(elements);
    return place;
  }

  static void* Integer(const redisReadTask* task, long long value) {
    Reply* place = ArrayOf(task);
    if (place == nullptr || !place->items.empty()) place = Place(task, Reply::Kind::kInteger);
    place->integers.push_back(value);
    return place;
  }

  static void* Nil(const redisReadTask* task) { return Place(task, Reply::Kind::kNil); }

  // Not part of RESP2.
  static void* Double(const redisReadTask* task, double, char*, std::size_t) {
    return Place(task, Reply::Kind::kOther);
  }
  static void* Bool(const redisReadTask* task, int) { return Place(task, Reply::Kind::kOther); }

  void* GiveUp() {
    too_long = true;
    return nullptr;
  }

  Reply root_;
  std::size_t nodes_ = 0;  // below the root, announced ones included
  std::size_t text_ = 0;   // bytes
};

const redisReplyObjectFunctions ReplyReader::Builder::kFunctions = {
    .createString = Text,
    .createArray = Array,
    .createInteger = Integer,
    .createDouble = Double,
    .createNil = Nil,
    .createBool = Bool,
    .freeObject = [](void*) {},
};

void ReplyReader::Free::operator()(redisReader* reader) const { redisReaderFree(reader); }

ReplyReader::ReplyReader() { Reset(); }
ReplyReader::~ReplyReader() = default;

void ReplyReader::Reset() {
  builder_ = std::make_unique<Builder>();
  // The reader does not change the table, although its parameter is not const.
  reader_.reset(
      redisReaderCreateWithFunctions(const_cast<redisReplyObjectFunctions*>(&Builder::kFunctions)));
  if (!reader_) throw std::bad_alloc();
  reader_->privdata = builder_.get();
  // The builder's bounds are narrower: this one is for hiredis' own computation.
  reader_->maxelements = 1LL << 24;
}

bool ReplyReader::Feed(std::string_view bytes) {
  if (reader_->len - reader_->pos + bytes.size() > kMostUnread) return false;
  return redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) == REDIS_OK;
}

ReplyReader::Next ReplyReader::Take(Reply& reply, const ReplyBounds& bounds) {
  constexpr std::size_t kFraming = 32;  // bytes around one text
  builder_->bounds = bounds;
  void* taken = nullptr;
  if (redisReaderGetReply(reader_.get(), &taken) != REDIS_OK) {
    return builder_->too_long ? Next::kTooLong : Next::kBroken;
  }
  if (taken == nullptr) {
    // The reader has read everything except an unfinished text.
    return reader_->len - reader_->pos > kLongestText + kFraming ? Next::kTooLong : Next::kMore;
  }
  reply = builder_->Take();
  return Next::kReply;
}

}  // namespace sluice::redis
