// Walks the protobuf wire format of a model before protobuf sees it, so that large tensors stay in the mapped
// file.
//
//   model.onnx (mapped)                         slim copy (parsed by protobuf)
//   graph { initializer { raw_data: 90 MB } }   graph { initializer { mapped_field: 9 mapped_offset: 4711 ...
//   } }
//
// Payloads above a few hundred bytes are replaced by their place in the file; documentation, metadata and the
// exporter's intermediate shapes are dropped. Everything else is copied as it is, so the slim copy means the
// same model. Wire format: protobuf.dev/programming-guides/encoding.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace dlc::import {

struct WireResult {
  enum class Status {
    Ok,
    Damaged, ///< a length or tag that cannot be, at `offset`
    TooDeep, ///< messages nested deeper than `maxDepth`
    TooLarge ///< the structure alone is larger than `maxSlimBytes`
  };
  Status status = Status::Ok;
  uint64_t offset = 0;   ///< of what is wrong
  std::string slim;      ///< a serialised dlc.onnx.ModelProto
  bool hasGraph = false; ///< whether a graph field was seen
};

constexpr int maxDepth = 60;
constexpr size_t maxSlimBytes = size_t(96) << 20;

WireResult slimModel(std::string_view file);

} // namespace dlc::import
