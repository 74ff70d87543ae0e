// A model as read from disk: the mapped file, its parsed structure, its opsets, and access to tensor
// payloads.
#pragma once

#include "compiler/import/symbols.h"
#include "compiler/import/value.h"
#include "ir/graph/weights.h"
#include "ir/support/diagnostic.h"

#include "onnx.pb.h"

#include <map>
#include <memory>
#include <string>
#include <variant>

namespace dlc::import {

/// Data files beside a model. Paths are resolved beneath the folder component by component without following
/// links; only regular files with one name are opened, each once.
class DataFolder {
public:
  explicit DataFolder(std::string folder) : folder(std::move(folder)) {}
  /// Throws Refusal (E0401, E0403).
  WeightsTable::MappedFile open(const std::string &location);

private:
  std::string folder;
  std::map<std::string, WeightsTable::MappedFile> files;
};

class ModelFile {
public:
  /// Parses `buffer`; false with a diagnostic when it is not a whole model.
  bool parse(WeightsTable::MappedFile buffer, const std::string &folder, bool readWeights,
             Diagnostics &diagnostics);

  const onnx::ModelProto &proto() const { return model; }

  /// Type and dims of a tensor, checked. Throws Refusal (E0206, E0303).
  Tensor declare(const onnx::TensorProto &tensor) const;
  /// The elements' bytes, row-major little-endian, exactly as many as type and dims say: a span of a mapped
  /// file, or decoded bytes; nothing for external data when weights are not read. Throws Refusal (E0206,
  /// E04xx).
  using Payload = std::variant<std::monostate, WeightsTable::Span, std::vector<char>>;
  Payload payload(const onnx::TensorProto &tensor);

private:
  Payload elements(const onnx::TensorProto &tensor);
  Payload external(const onnx::TensorProto &tensor, uint64_t expected);

  WeightsTable::MappedFile buffer;
  onnx::ModelProto model;
  bool readWeights = true;
  DataFolder data{""};
};

/// Decodes elements of a type. Integers sign- or zero-extended; nothing for a uint64 past int64.
std::optional<Host> decodeHost(DataType type, llvm::ArrayRef<char> bytes);

} // namespace dlc::import
