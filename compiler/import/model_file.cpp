#include "compiler/import/model_file.h"
#include "compiler/import/wire.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"

namespace dlc::import {

/// Whether a file begins as text does; a serialised model has its version's tag there.
static bool isText(llvm::StringRef bytes) {
  return llvm::all_of(bytes.take_front(32), [](char c) { return llvm::isPrint(c) || llvm::isSpace(c); });
}

bool ModelFile::parse(WeightsTable::MappedFile file, const std::string &folder, bool read,
                      Diagnostics &diagnostics) {
  buffer = std::move(file);
  readWeights = read;
  data = DataFolder(folder);
  llvm::StringRef bytes = buffer->getBuffer();
  if (bytes.empty()) {
    diagnostics.report(Code::E0102, "the file is empty");
    return false;
  }
  WireResult wire = slimModel({bytes.data(), bytes.size()});
  std::string place = " at byte " + std::to_string(wire.offset) + " of " + std::to_string(bytes.size());
  switch (wire.status) {
  case WireResult::Status::Ok:
    break;
  case WireResult::Status::Damaged:
    if (isText(bytes))
      diagnostics.report(Code::E0102, "the file is text", "",
                         "an ONNX model is a binary file; `dlc` alone takes text of the graph level, from a "
                         "file named *.mlir");
    else if (wire.offset == 0)
      diagnostics.report(Code::E0102, "the file does not begin as a serialised model does");
    else
      diagnostics.report(Code::E0103, "a field leaves its message" + place);
    return false;
  case WireResult::Status::TooDeep:
    diagnostics.report(Code::E0105, "messages are nested deeper than " + std::to_string(maxDepth) + place, "",
                       "flatten nested subgraphs");
    return false;
  case WireResult::Status::TooLarge:
    diagnostics.report(Code::E0105, "the graph without its weights is larger than " +
                                        std::to_string(maxSlimBytes >> 20) + " MiB" + place);
    return false;
  }
  if (!model.ParseFromArray(wire.slim.data(), static_cast<int>(wire.slim.size()))) {
    diagnostics.report(Code::E0103, "a message of the model has contents of the wrong kind");
    return false;
  }
  if (!wire.hasGraph || !model.has_graph()) {
    diagnostics.report(Code::E0102, "the file holds no graph");
    return false;
  }
  return true;
}

//===- Tensors ----------------------------------------------------------------===//

namespace {

/// Elements of the dims; refuses negative dims and counts that no memory holds.
uint64_t countOf(const onnx::TensorProto &tensor) {
  uint64_t count = 1;
  bool empty = false;
  for (int64_t dim : tensor.dims()) {
    if (dim < 0) throw Refusal{Code::E0206, "dim " + std::to_string(dim) + " is negative", ""};
    empty |= dim == 0;
    if (dim && count > (uint64_t(1) << 46) / uint64_t(dim))
      throw Refusal{Code::E0206, "the dims claim more than 2^46 elements", ""};
    count *= dim ? uint64_t(dim) : 1;
  }
  return empty ? 0 : count;
}

[[noreturn]] void sizeMismatch(uint64_t have, uint64_t want, const char *unit) {
  throw Refusal{Code::E0206,
                "holds " + std::to_string(have) + " " + unit + ", but its dims and type need " +
                    std::to_string(want),
                ""};
}

template <typename T, typename List> std::vector<char> packed(const List &list, uint64_t count) {
  if (uint64_t(list.size()) != count) sizeMismatch(list.size(), count, "elements");
  std::vector<char> bytes(count * sizeof(T));
  for (uint64_t i = 0; i < count; ++i) {
    T element = static_cast<T>(list[static_cast<int>(i)]);
    memcpy(bytes.data() + i * sizeof(T), &element, sizeof(T));
  }
  return bytes;
}

/// Varints of a mapped payload as elements of T.
template <typename T> std::vector<char> varints(llvm::StringRef text, uint64_t count) {
  if (count > text.size()) sizeMismatch(text.size(), count, "bytes");
  std::vector<char> bytes(count * sizeof(T));
  size_t at = 0;
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t value = 0;
    bool more = true;
    for (int shift = 0; more; shift += 7) {
      if (at >= text.size() || shift > 63) throw Refusal{Code::E0206, "ends inside an element", ""};
      uint64_t byte = static_cast<unsigned char>(text[at++]);
      value |= (byte & 0x7f) << shift;
      more = byte & 0x80;
    }
    T element = static_cast<T>(value);
    memcpy(bytes.data() + i * sizeof(T), &element, sizeof(T));
  }
  if (at != text.size()) throw Refusal{Code::E0206, "holds more elements than its dims need", ""};
  return bytes;
}

/// The typed field in which ONNX stores a type when there is no raw data.
int typedField(DataType type) {
  switch (type) {
  case DataType::F32:
    return 4;
  case DataType::F64:
    return 10;
  case DataType::I64:
    return 7;
  case DataType::U32:
  case DataType::U64:
    return 11;
  default:
    return 5;
  }
}

std::vector<char> fromField(const onnx::TensorProto &tensor, DataType type, uint64_t count) {
  switch (typedField(type)) {
  case 4:
    return packed<float>(tensor.float_data(), count);
  case 10:
    return packed<double>(tensor.double_data(), count);
  case 7:
    return packed<int64_t>(tensor.int64_data(), count);
  case 11:
    return type == DataType::U32 ? packed<uint32_t>(tensor.uint64_data(), count)
                                 : packed<uint64_t>(tensor.uint64_data(), count);
  }
  switch (byteSize(storageType(type))) {
  case 1:
    return packed<uint8_t>(tensor.int32_data(), count);
  case 2:
    return packed<uint16_t>(tensor.int32_data(), count);
  default:
    return packed<uint32_t>(tensor.int32_data(), count);
  }
}

std::vector<char> fromVarints(llvm::StringRef text, DataType type, uint64_t count) {
  switch (byteSize(storageType(type))) {
  case 1:
    return varints<uint8_t>(text, count);
  case 2:
    return varints<uint16_t>(text, count);
  case 4:
    return varints<uint32_t>(text, count);
  default:
    return varints<uint64_t>(text, count);
  }
}

} // namespace

Tensor ModelFile::declare(const onnx::TensorProto &tensor) const {
  auto type = supportedType(tensor.data_type());
  if (!type)
    throw Refusal{Code::E0303, "its type, " + typeName(tensor.data_type()) + ", is not supported", ""};
  if (tensor.dims_size() > 16) throw Refusal{Code::E0206, "has more than 16 dims", ""};
  countOf(tensor);
  Dims dims;
  for (int64_t dim : tensor.dims()) dims.push_back(dim);
  return Tensor(*type, std::move(dims), &tensor);
}

ModelFile::Payload ModelFile::payload(const onnx::TensorProto &tensor) {
  try {
    return elements(tensor);
  } catch (Refusal &refusal) { // reported at the node that reads the tensor: say which one it is
    if (!tensor.name().empty())
      refusal.message = "tensor `" + printable(tensor.name(), 60) + "`: " + refusal.message;
    throw;
  }
}

ModelFile::Payload ModelFile::elements(const onnx::TensorProto &tensor) {
  DataType type = *supportedType(tensor.data_type());
  uint64_t count = countOf(tensor), expected = count * byteSize(storageType(type));
  Payload result;
  if (tensor.data_location() == onnx::TensorProto::EXTERNAL) {
    result = external(tensor, expected);
  } else if (tensor.has_mapped_field()) {
    uint64_t offset = tensor.mapped_offset(), length = tensor.mapped_length();
    int field = static_cast<int>(tensor.mapped_field());
    if (field == 9 || (field == typedField(type) && (field == 4 || field == 10))) {
      if (length != expected) sizeMismatch(length, expected, "bytes");
      result = WeightsTable::Span{buffer, offset, length};
    } else if (field == typedField(type)) {
      result = fromVarints(buffer->getBuffer().substr(offset, length), type, count);
    } else {
      throw Refusal{Code::E0206, "its data stand in the field of another type", ""};
    }
  } else if (tensor.has_raw_data()) {
    if (tensor.raw_data().size() != expected) sizeMismatch(tensor.raw_data().size(), expected, "bytes");
    result = std::vector<char>(tensor.raw_data().begin(), tensor.raw_data().end());
  } else {
    result = fromField(tensor, type, count);
  }
  // A bool is one byte of 0 or 1 from here on, whatever non-zero byte was written.
  if (type == DataType::Bool && !std::holds_alternative<std::monostate>(result)) {
    std::vector<char> bytes;
    if (auto *span = std::get_if<WeightsTable::Span>(&result)) {
      llvm::StringRef text = span->file->getBuffer().substr(span->offset, span->length);
      bytes.assign(text.begin(), text.end());
    } else {
      bytes = std::move(std::get<std::vector<char>>(result));
    }
    for (char &byte : bytes) byte = byte != 0;
    result = std::move(bytes);
  }
  return result;
}

//===- Host elements ------------------------------------------------------------===//

std::optional<Host> decodeHost(DataType type, llvm::ArrayRef<char> bytes) {
  namespace endian = llvm::support::endian;
  size_t size = byteSize(storageType(type)), count = bytes.size() / size;
  Host host;
  for (size_t i = 0; i < count; ++i) {
    const char *at = bytes.data() + i * size;
    switch (type) {
    case DataType::F32:
      host.floats.push_back(llvm::bit_cast<float>(endian::read32le(at)));
      break;
    case DataType::F64:
      host.floats.push_back(llvm::bit_cast<double>(endian::read64le(at)));
      break;
    case DataType::F16:
    case DataType::BF16: {
      const auto &semantics = type == DataType::F16 ? llvm::APFloat::IEEEhalf() : llvm::APFloat::BFloat();
      host.floats.push_back(
          llvm::APFloat(semantics, llvm::APInt(16, endian::read16le(at))).convertToDouble());
      break;
    }
    case DataType::I8:
      host.ints.push_back(int64_t(int8_t(*at)));
      break;
    case DataType::U8:
    case DataType::Bool:
      host.ints.push_back(int64_t(uint8_t(*at)));
      break;
    case DataType::I16:
      host.ints.push_back(int64_t(int16_t(endian::read16le(at))));
      break;
    case DataType::U16:
      host.ints.push_back(int64_t(endian::read16le(at)));
      break;
    case DataType::I32:
      host.ints.push_back(int64_t(int32_t(endian::read32le(at))));
      break;
    case DataType::U32:
      host.ints.push_back(int64_t(endian::read32le(at)));
      break;
    default: {
      int64_t value = static_cast<int64_t>(endian::read64le(at));
      if (type == DataType::U64 && value < 0) return std::nullopt;
      host.ints.push_back(value);
    }
    }
  }
  return host;
}

} // namespace dlc::import
