// Trees of replies, built by hiredis' reader.
#include "redis/reply_tree.h"

#include <hiredis.h>

#include <new>
#include <utility>

namespace sluice::redis {

class ReplyTreeReader::Builder {
 public:
  static const redisReplyObjectFunctions kFunctions;

  explicit Builder(const ReplyTreeBounds& bounds) : bounds_(bounds) {}

  ReplyTree Take() {
    nodes_ = text_ = 0;
    return std::exchange(root_, {});
  }

  bool too_long = false;  // why a callback has returned null

 private:
  void* GiveUp() {
    too_long = true;
    return nullptr;
  }

  // The place of the value being read.
  static ReplyTree* Place(const redisReadTask* task) {
    auto* const self = static_cast<Builder*>(task->privdata);
    if (task->parent == nullptr) return &self->root_;
    auto* const parent = static_cast<ReplyTree*>(task->parent->obj);
    return &parent->items[static_cast<std::size_t>(task->idx)];
  }

  static void* Text(const redisReadTask* task, char* text, std::size_t length) {
    auto* const self = static_cast<Builder*>(task->privdata);
    // The reader drops the bytes that it has read, so its buffer is not a bound.
    self->text_ += length;
    if (length > kLongestText || self->text_ > self->bounds_.text) return self->GiveUp();
    ReplyTree* const place = Place(task);
    place->kind = task->type == REDIS_REPLY_ERROR    ? ReplyTree::Kind::kError
                  : task->type == REDIS_REPLY_STATUS ? ReplyTree::Kind::kStatus
                                                     : ReplyTree::Kind::kText;
    place->text.assign(text, length);
    return place;
  }

  static void* Array(const redisReadTask* task, std::size_t elements) {
    unsigned depth = 1;
    for (const redisReadTask* up = task->parent; up != nullptr; up = up->parent) ++depth;
    if (depth > kDeepest) return nullptr;
    auto* const self = static_cast<Builder*>(task->privdata);
    self->nodes_ += elements;
    if (elements > self->bounds_.elements || self->nodes_ > self->bounds_.nodes) {
      return self->GiveUp();
    }
    ReplyTree* const place = Place(task);
    place->kind = ReplyTree::Kind::kArray;
    place->items.resize(elements);
    return place;
  }

  static void* Integer(const redisReadTask* task, long long value) {
    ReplyTree* const place = Place(task);
    place->kind = ReplyTree::Kind::kInteger;
    place->integer = value;
    return place;
  }

  static void* Nil(const redisReadTask* task) { return Place(task); }

  // Not part of RESP2.
  static void* Double(const redisReadTask*, double, char*, std::size_t) { return nullptr; }
  static void* Bool(const redisReadTask*, int) { return nullptr; }

  const ReplyTreeBounds bounds_;
  ReplyTree root_;
  std::size_t nodes_ = 0;  // below the root, announced ones included
  std::size_t text_ = 0;   // bytes
};

const redisReplyObjectFunctions ReplyTreeReader::Builder::kFunctions = {
    .createString = Text,
    .createArray = Array,
    .createInteger = Integer,
    .createDouble = Double,
    .createNil = Nil,
    .createBool = Bool,
    .freeObject = [](void*) {},
};

void ReplyTreeReader::Free::operator()(redisReader* reader) const { redisReaderFree(reader); }

ReplyTreeReader::ReplyTreeReader(const ReplyTreeBounds& bounds)
    : builder_(std::make_unique<Builder>(bounds)) {
  // The reader does not change the table, although its parameter is not const.
  reader_.reset(
      redisReaderCreateWithFunctions(const_cast<redisReplyObjectFunctions*>(&Builder::kFunctions)));
  if (!reader_) throw std::bad_alloc();
  reader_->privdata = builder_.get();
  // The builder's bounds are narrower: this one is for hiredis' own computation.
  reader_->maxelements = 1LL << 24;
}

ReplyTreeReader::~ReplyTreeReader() = default;

bool ReplyTreeReader::Feed(std::string_view bytes) {
  if (reader_->len - reader_->pos + bytes.size() > kMostUnread) return false;
  return redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) == REDIS_OK;
}

ReplyTreeReader::Next ReplyTreeReader::Take(ReplyTree& reply) {
  void* taken = nullptr;
  if (redisReaderGetReply(reader_.get(), &taken) != REDIS_OK) {
    return builder_->too_long ? Next::kTooLong : Next::kBroken;
  }
  if (taken == nullptr) {
    constexpr std::size_t kFraming = 32;  // bytes around one text
    // The reader has read everything except an unfinished text.
    return reader_->len - reader_->pos > kLongestText + kFraming ? Next::kTooLong : Next::kMore;
  }
  reply = builder_->Take();
  return Next::kReply;
}

}  // namespace sluice::redis
