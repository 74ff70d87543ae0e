// The operator table: one row per ONNX operator (and form of it), one function per row, files by family.
#pragma once

#include "compiler/import/types.h"

#include "llvm/ADT/ArrayRef.h"

#include <string>

namespace dlc::import {

class Node;

constexpr int oldestOpset = 7, newestOpset = 28;

struct OpRow {
  const char *domain; ///< "" is ai.onnx
  const char *name;
  int since, until; ///< opset versions of the domain that this row reads, inclusive
  int minInputs;    ///< given inputs; optional ones may follow
  int maxInputs;    ///< -1: any number
  TypeSet types;    ///< of the first input; the function checks the others
  void (*import)(Node &);
};

/// One table per family file.
llvm::ArrayRef<OpRow> pointwiseOps(), activationOps(), logicOps(), shapeOps(), movementOps(), gatherOps(),
    generateOps(), reduceOps(), matmulOps(), einsumOps(), spectralOps(), convOps(), poolOps(),
    convTransposeOps(), resizeOps(), sampleOps(), normOps(), attentionOps(), controlOps();

/// The row that reads an operator at an opset; null when there is none.
const OpRow *findRow(const std::string &domain, const std::string &name, int opset);
/// Whether some opset has the operator: for messages.
bool isKnownOperator(const std::string &domain, const std::string &name);

} // namespace dlc::import
