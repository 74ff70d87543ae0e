#include "compiler/import/wire.h"

namespace dlc::import {
namespace {

enum class Kind { Skip, Copy, Model, Graph, Node, Attribute, Tensor, Sparse, Function };

/// What a length-delimited field of a message holds. Skip drops the field, Copy keeps its bytes.
Kind childKind(Kind kind, uint32_t field) {
  if (field >= 1000) return Kind::Skip;
  switch (kind) {
  case Kind::Model:
    return field == 7                               ? Kind::Graph
           : field == 25                            ? Kind::Function
           : field == 8 || field == 2 || field == 3 ? Kind::Copy
                                                    : Kind::Skip;
  case Kind::Graph:
    return field == 1                                                 ? Kind::Node
           : field == 5                                               ? Kind::Tensor
           : field == 15                                              ? Kind::Sparse
           : field == 10 || field == 13 || field == 14 || field == 16 ? Kind::Skip
                                                                      : Kind::Copy;
  case Kind::Node:
    return field == 5 ? Kind::Attribute : field == 6 || field == 9 || field == 10 ? Kind::Skip : Kind::Copy;
  case Kind::Attribute:
    return field == 5 || field == 10                   ? Kind::Tensor
           : field == 6 || field == 11                 ? Kind::Graph
           : field == 13 || field == 22 || field == 23 ? Kind::Skip
                                                       : Kind::Copy;
  case Kind::Tensor:
    return field == 12 || field == 16 ? Kind::Skip : Kind::Copy;
  case Kind::Sparse:
    return field == 1 ? Kind::Tensor : Kind::Skip;
  case Kind::Function:
    return field == 7                                 ? Kind::Node
           : field == 11                              ? Kind::Attribute
           : field == 8 || field == 12 || field == 14 ? Kind::Skip
                                                      : Kind::Copy;
  default:
    return Kind::Copy;
  }
}

bool isPayload(uint32_t field) {
  return field == 4 || field == 5 || field == 7 || field == 9 || field == 10 || field == 11;
}
constexpr uint64_t smallPayload = 512;

class Walker {
public:
  explicit Walker(std::string_view file) : file(file) {}

  WireResult run() {
    WireResult result;
    if (walk(Kind::Model, 0, file.size(), result.slim, 0)) result.hasGraph = sawGraph;
    result.status = status;
    result.offset = failedAt;
    return result;
  }

private:
  bool fail(WireResult::Status why, uint64_t at) {
    status = why;
    failedAt = at;
    return false;
  }

  bool varint(uint64_t &at, uint64_t end, uint64_t &value) {
    value = 0;
    for (int shift = 0; shift < 64 && at < end; shift += 7) {
      uint64_t byte = static_cast<unsigned char>(file[at++]);
      value |= (byte & 0x7f) << shift;
      if (!(byte & 0x80)) return true;
    }
    return fail(WireResult::Status::Damaged, at);
  }

  static void putVarint(std::string &out, uint64_t value) {
    for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
    out += static_cast<char>(value);
  }
  static void putField(std::string &out, uint32_t field, uint64_t value) {
    putVarint(out, uint64_t(field) << 3);
    putVarint(out, value);
  }

  /// Copies the message at [at, end) to `out`.
  bool walk(Kind kind, uint64_t at, uint64_t end, std::string &out, int depth) {
    if (depth > maxDepth) return fail(WireResult::Status::TooDeep, at);
    bool mapped = false;
    while (at < end) {
      uint64_t start = at, tag;
      if (!varint(at, end, tag)) return false;
      uint64_t field = tag >> 3, wire = tag & 7, length = 0;
      if (field == 0 || field >= (1u << 29)) return fail(WireResult::Status::Damaged, start);
      if (wire == 0) {
        if (!varint(at, end, length)) return false;
      } else if (wire == 1 || wire == 5) {
        uint64_t size = wire == 1 ? 8 : 4;
        if (end - at < size) return fail(WireResult::Status::Damaged, start);
        at += size;
      } else if (wire == 2) {
        if (!varint(at, end, length)) return false;
        if (length > end - at) return fail(WireResult::Status::Damaged, start);
        if (!message(kind, static_cast<uint32_t>(field), start, at, length, out, depth, mapped)) return false;
        at += length;
        continue;
      } else {
        return fail(WireResult::Status::Damaged, start); // groups do not occur in ONNX
      }
      if (field < 1000) out.append(file, start, at - start);
      if (out.size() > maxSlimBytes) return fail(WireResult::Status::TooLarge, start);
    }
    return true;
  }

  /// One length-delimited field whose tag starts at `start` and whose contents at `at`.
  bool message(Kind parent, uint32_t field, uint64_t start, uint64_t at, uint64_t length, std::string &out,
               int depth, bool &mapped) {
    Kind kind = childKind(parent, field);
    if (kind == Kind::Skip) return true;
    if (parent == Kind::Model && kind == Kind::Graph) sawGraph = true;
    if (parent == Kind::Tensor && isPayload(field) && length > smallPayload) {
      if (mapped) return fail(WireResult::Status::Damaged, start); // a tensor has one payload
      mapped = true;
      putField(out, 1000, field);
      putField(out, 1001, at);
      putField(out, 1002, length);
      return true;
    }
    if (kind == Kind::Copy) {
      if (out.size() + length > maxSlimBytes) return fail(WireResult::Status::TooLarge, start);
      out.append(file, start, at + length - start);
      return true;
    }
    std::string child;
    if (!walk(kind, at, at + length, child, depth + 1)) return false;
    putVarint(out, uint64_t(field) << 3 | 2);
    putVarint(out, child.size());
    out += child;
    return true;
  }

  std::string_view file;
  WireResult::Status status = WireResult::Status::Ok;
  uint64_t failedAt = 0;
  bool sawGraph = false;
};

} // namespace

WireResult slimModel(std::string_view file) { return Walker(file).run(); }

} // namespace dlc::import
